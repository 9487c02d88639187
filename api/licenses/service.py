"""Deciding about licenses: who may do what to which; what it leads to stands in `sdb_service.lifecycle.licenses`."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from api.accounts.queries import open_account
from api.boxes.queries import get_own_box
from api.boxes.rekeying import require_current
from api.licenses import queries, schemas
from sdb_service import clock, quotas
from sdb_service.errors import Invalid
from sdb_service.identity import Caller
from sdb_service.ids import new_id
from sdb_service.licensing import GIVES, Entitlement
from sdb_service.lifecycle import licenses as lifecycle
from sdb_service.recording import record_act
from sdb_service.settings import Settings
from sdb_service.tables import Account, License


def grant(session: Session, caller: Caller, wanted: schemas.NewLicense, *, settings: Settings) -> License:
    """Give a customer the right to a box's knowledge."""
    box = get_own_box(session, caller, wanted.box_id)
    customer = _customer(session, wanted.customer_id)
    _require_future(wanted.expires_at)
    quotas.reserve(session, box.account_id, {"licenses": 1}, settings=settings)
    granted = License(
        id=new_id("lic"),
        account_id=box.account_id,
        created_at=clock.now(),
        box_id=box.id,
        customer_id=customer.id,
        mode=wanted.mode,
        state=lifecycle.GRANTED,
        entitlements=" ".join(_entitlements(wanted)),
        expires_at=wanted.expires_at,
        valid_for_days=wanted.valid_for_days,
        max_downloads=wanted.max_downloads,
        max_predictions=wanted.max_predictions,
        images_per_minute=wanted.images_per_minute,
        downloads=0,
        predictions=0,
        transfers=0,
    )
    session.add(granted)
    session.flush()
    require_current(session, box.id)
    detail = {
        "box_id": box.id,
        "customer_id": customer.id,
        "mode": granted.mode,
        "entitlements": granted.entitlements.split(),
    }
    _record(session, caller, "grant", granted, detail)
    return granted


def suspend(session: Session, caller: Caller, license_id: str) -> License:
    """Stop a license for now."""
    return _change(session, caller, license_id, "suspend")


def reinstate(session: Session, caller: Caller, license_id: str) -> License:
    """Let a suspended license be good again, until its end."""
    return _change(session, caller, license_id, "reinstate")


def revoke(session: Session, caller: Caller, license_id: str) -> License:
    """End a license for good. A key that was delivered before cannot be called back; see the README."""
    return _change(session, caller, license_id, "revoke", {"revoked_at": clock.now()})


def renew(session: Session, caller: Caller, license_id: str, *, expires_at: datetime | None) -> License:
    """Give a license a new end, also one that has expired; none is counted from its first use any more."""
    _require_future(expires_at)
    return _change(session, caller, license_id, "renew", {"expires_at": expires_at, "valid_for_days": None})


def transfer(session: Session, caller: Caller, license_id: str, *, customer_id: str) -> License:
    """Give a license to another customer, with what is left of it; whoever held it has lost it at once.

    Raises:
        Invalid: no customer's account, or the one that holds it already. Conflict: the license is revoked.
    """
    held = queries.get_given_license(session, caller, license_id)
    before, customer = held.customer_id, _customer(session, customer_id)
    if customer.id == before:
        raise Invalid("customer_same", f"Account {before} holds this license already; name another one.")
    lifecycle.transfer(session, held, customer.id)
    detail = {"from_customer_id": before, "to_customer_id": customer.id, "downloads": held.downloads}
    _record(session, caller, "transfer", held, detail, before)
    return held


def _change(
    session: Session, caller: Caller, license_id: str, act: lifecycle.Act, values: Mapping[str, Any] | None = None
) -> License:
    held = lifecycle.change(session, queries.get_given_license(session, caller, license_id), act, values)
    _record(session, caller, act, held)
    return held


def _record(
    session: Session, caller: Caller, act: str, held: License, detail: dict[str, Any] | None = None, *others: str
) -> None:
    """Write the act down, and tell the customer of it as well as the provider."""
    told = (held.customer_id, *others)
    record_act(session, caller, f"license.{act}", held.id, owner=held.account_id, detail=detail, audience=told)


def _customer(session: Session, account_id: str) -> Account:
    """The open account of a customer. Raises `NotFound`, `Invalid`."""
    found = open_account(session, account_id)
    if found.role != "customer":
        raise Invalid(
            "customer_role", f"Account {found.id} is a {found.role}; licenses go to accounts of role customer."
        )
    return found


def _entitlements(wanted: schemas.NewLicense) -> list[Entitlement]:
    """In their usual order. Raises `Invalid` where the mode does not give one of them."""
    gives = GIVES[wanted.mode]
    named = set(gives if wanted.entitlements is None else wanted.entitlements)
    if beyond := sorted(named.difference(gives)):
        raise Invalid(
            "entitlement_not_in_mode",
            f"A {wanted.mode} license cannot give {' or '.join(beyond)}; leave that out, or grant a delivered one.",
        )
    return [each for each in gives if each in named]


def _require_future(moment: datetime | None) -> None:
    if moment is not None and moment <= clock.now():
        raise Invalid("expiry_past", "expires_at lies in the past; give a later time or leave it out.")
