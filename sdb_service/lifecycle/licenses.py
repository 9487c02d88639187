"""What becomes of a license: one table of states and acts, and one statement for each change.

People's decisions are stored (active, suspended, revoked). That a license has ended is never stored: an active one
whose `expires_at` has come is expired from that instant on, whatever runs then or not (`endings` only tells of it).
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Literal

from sqlalchemy import ColumnElement, and_, case, func, literal, or_, update
from sqlalchemy.orm import Session

from sdb_service import clock
from sdb_service.errors import Conflict
from sdb_service.tables import License, PastHolder

State = Literal["active", "suspended", "expired", "revoked"]
Act = Literal["suspend", "reinstate", "renew", "revoke", "transfer", "expire"]

GRANTED: State = "active"  # the state in which a license begins
MOVES: Mapping[tuple[State, Act], State] = MappingProxyType(
    {
        ("active", "suspend"): "suspended",
        ("active", "renew"): "active",
        ("active", "revoke"): "revoked",
        ("active", "transfer"): "active",
        ("active", "expire"): "expired",  # the clock's act alone
        ("expired", "suspend"): "suspended",
        ("expired", "renew"): "active",
        ("expired", "revoke"): "revoked",
        ("expired", "transfer"): "expired",
        ("suspended", "reinstate"): "active",  # and expired at once, where it has ended meanwhile
        ("suspended", "renew"): "suspended",
        ("suspended", "revoke"): "revoked",
        ("suspended", "transfer"): "suspended",
    }
)
_STORED: Mapping[State, str] = MappingProxyType(
    {"active": "active", "expired": "active", "suspended": "suspended", "revoked": "revoked"}
)


def state_of(row: License) -> State:
    """The state a license is in at this moment."""
    if row.state == "active":
        return "expired" if row.expires_at is not None and row.expires_at <= clock.now() else "active"
    return "suspended" if row.state == "suspended" else "revoked"


def is_in(state: State, now: Any, rows: Any = License) -> ColumnElement[bool]:
    """As `state_of`, for the database. `rows` are the table's columns, `now` a moment or a parameter for one."""
    if state not in ("active", "expired"):
        return and_(rows.state == state)
    goes_on = or_(rows.expires_at.is_(None), rows.expires_at > now)
    return and_(rows.state == "active", goes_on if state == "active" else ~goes_on)


def change(
    session: Session, held: License, act: Act, values: Mapping[str, Any] | None = None, *, holder: str | None = None
) -> License:
    """Do `act` to a license, in one statement that names the states it may start from.

    `holder` is who must still hold it by then.

    Raises:
        Conflict: the license is in another state, or another's.
    """
    now = clock.now()
    moves = {start: end for (start, done), end in MOVES.items() if done == act}
    state = case(*((is_in(start, now), _STORED[end]) for start, end in moves.items()))
    statement = update(License).where(License.id == held.id, or_(*(is_in(start, now) for start in moves)))
    if holder is not None:
        statement = statement.where(License.customer_id == holder)
    statement = statement.values(state=state, **(values or {})).execution_options(synchronize_session=False)
    changed = session.execute(statement.returning(License.id)).scalar()
    session.refresh(held)
    if changed is None:
        raise _refused(held, act)
    return held


def transfer(session: Session, held: License, customer_id: str) -> License:
    """Give a license to another customer; whoever held it has lost it once this is committed.

    Raises:
        Conflict: it cannot be transferred in its state, or was transferred at this moment by somebody else.
    """
    before = held.customer_id
    changed = change(
        session,
        held,
        "transfer",
        {"customer_id": customer_id, "transfers": License.transfers + 1},
        holder=before,
    )
    past = PastHolder(license_id=held.id, number=changed.transfers - 1, customer_id=before, until=clock.now())
    session.add(past)
    session.flush()
    return changed


def end_of_first_use(now: datetime, valid_for_days: int | None) -> datetime:
    """When a license ends whose days are counted from `now`; `now` itself where none are counted."""
    return now + timedelta(days=valid_for_days or 0)


def first_use(now: Any, end: Any, rows: Any = License) -> dict[str, Any]:
    """What a use sets beside what it counts: when the first one was, and the end that is counted from it.

    Part of the statement that grants the use, so that of many first uses at once exactly one sets the end. An end that
    was named comes first where it is sooner.
    """
    end = end if isinstance(end, ColumnElement) else literal(end, rows.expires_at.type)
    begins = and_(rows.first_used_at.is_(None), rows.valid_for_days.is_not(None))
    is_sooner = or_(rows.expires_at.is_(None), rows.expires_at > end)
    return {
        "first_used_at": func.coalesce(rows.first_used_at, now),
        "expires_at": case((and_(begins, is_sooner), end), else_=rows.expires_at),
    }


def _refused(held: License, act: Act) -> Conflict:
    state = state_of(held)
    if (state, act) in MOVES:
        return Conflict("license_changed", "The license was changed at this moment by somebody else; look at it again.")
    possible = [done for start, done in MOVES if start == state and done != "expire"]
    cure = f"it takes {', '.join(possible)}" if possible else "that is for good, so grant a new one"
    return Conflict("license_state", f"A license that is {state} cannot be changed by {act}; {cure}.")
