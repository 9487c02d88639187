"""Reserving room for an account, and the limits it is held to."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from sdb_service.errors import QuotaExceeded, TooManyRequests
from sdb_service.quotas.resources import BY_NAME, RESOURCES, Resource, Use
from sdb_service.settings import Settings
from sdb_service.tables import AccountQuota


@dataclass(frozen=True)
class Standing:
    """What an account uses of one resource and may use at most; `chosen` where an admin set the limit."""

    resource: Resource
    use: Use
    limit: int
    chosen: bool


def lock(session: Session, account_id: str) -> dict[str, int]:
    """Let nobody else reserve or free for this account until the transaction ends; answers its chosen limits.

    One statement, the same on both databases. To be called before anything else is locked, the audit log above all:
    all who take both locks take them in this order.
    """
    insert: Any = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    statement = insert(AccountQuota).values(account_id=account_id, limits={}, turns=1)
    statement = statement.on_conflict_do_update(
        index_elements=[AccountQuota.account_id], set_={"turns": AccountQuota.turns + 1}
    ).returning(AccountQuota.limits)
    limits: dict[str, int] = session.execute(statement).scalar_one()
    return limits


def reserve(session: Session, account_id: str, asked: Mapping[str, int], *, settings: Settings) -> None:
    """Make sure that the account may use so much more; the row that then uses it goes into the same transaction.

    Raises:
        QuotaExceeded: there is no room; the sentence says what is used, the limit and the cure.
        TooManyRequests: there is none now, and waiting makes some.
    """
    chosen = lock(session, account_id)
    for name, amount in asked.items():
        _require(session, account_id, BY_NAME[name], asked=amount, limit=_limit(name, chosen, settings))


def require_room(session: Session, account_id: str, name: str, *, settings: Settings) -> None:
    """As `reserve` for one more, without the lock: enough where one too many harms nobody."""
    limit = _limit(name, _chosen(session, account_id), settings)
    _require(session, account_id, BY_NAME[name], asked=1, limit=limit)


def _require(session: Session, account_id: str, resource: Resource, *, asked: int, limit: int) -> None:
    use = resource.measure(session, account_id)
    if use.total + asked <= limit:
        return
    held = f"{use.used} used" + (f" and {use.reserved} reserved" if use.reserved else "")
    detail = f"The quota of {resource.what} is {limit}, with {held}; {asked} more do not fit: {resource.cure}"
    if resource.seconds_until is not None:
        wait = resource.seconds_until(session, account_id, limit)
        raise TooManyRequests("quota_exceeded", f"{detail} {wait} s, or ask the operator for more.", retry_after=wait)
    raise QuotaExceeded(
        f"{detail}, or ask the operator for more.",
        resource=resource.name,
        used=use.used,
        reserved=use.reserved,
        asked=asked,
        limit=limit,
    )


def choose_limits(session: Session, account_id: str, changes: Mapping[str, int | None]) -> None:
    """Hold the account to other limits than the usual ones; None goes back to those. What is stored stays."""
    limits = {**lock(session, account_id), **changes}
    kept = {name: limit for name, limit in limits.items() if limit is not None}
    row = session.get_one(AccountQuota, account_id, populate_existing=True)
    row.limits = kept
    session.flush()


def standings(session: Session, account_id: str, *, settings: Settings) -> list[Standing]:
    """What the account uses now and may use, of each resource."""
    chosen = _chosen(session, account_id)
    return [
        Standing(
            resource,
            resource.measure(session, account_id),
            _limit(resource.name, chosen, settings),
            resource.name in chosen,
        )
        for resource in RESOURCES
    ]


def _chosen(session: Session, account_id: str) -> dict[str, int]:
    row = session.get(AccountQuota, account_id)
    return row.limits if row is not None else {}


def _limit(name: str, chosen: Mapping[str, int], settings: Settings) -> int:
    usual: int = getattr(settings, f"quota_{name}")
    return chosen.get(name, usual)
