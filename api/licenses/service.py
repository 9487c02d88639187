"""Deciding about licenses. A change of state is one statement that names the states it may start from."""

from datetime import datetime
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from api.accounts.queries import open_account
from api.boxes.queries import get_own_box
from api.boxes.rekeying import require_current
from api.licenses import queries, schemas
from sdb_service import clock
from sdb_service.errors import Conflict, Invalid
from sdb_service.identity import Caller
from sdb_service.ids import new_id
from sdb_service.recording import record_act
from sdb_service.tables import License


def grant(session: Session, caller: Caller, wanted: schemas.NewLicense) -> License:
    """Give a customer the right to a box's knowledge."""
    box = get_own_box(session, caller, wanted.box_id)
    customer = open_account(session, wanted.customer_id)
    if customer.role != "customer":
        raise Invalid(
            "customer_role", f"Account {customer.id} is a {customer.role}; licenses go to accounts of role customer."
        )
    _require_future(wanted.expires_at)
    granted = License(
        id=new_id("lic"),
        account_id=box.account_id,
        created_at=clock.now(),
        box_id=box.id,
        customer_id=customer.id,
        mode=wanted.mode,
        state="active",
        expires_at=wanted.expires_at,
        max_downloads=wanted.max_downloads,
        max_predictions=wanted.max_predictions,
        images_per_minute=wanted.images_per_minute,
        downloads=0,
        predictions=0,
    )
    session.add(granted)
    session.flush()
    require_current(session, box.id)
    detail = {"box_id": box.id, "customer_id": customer.id, "mode": granted.mode}
    record_act(
        session,
        caller,
        "license.grant",
        granted.id,
        owner=granted.account_id,
        detail=detail,
        audience=(granted.customer_id,),
    )
    return granted


def suspend(session: Session, caller: Caller, license_id: str) -> License:
    return _change(session, caller, license_id, act="suspend", start=("active",), values={"state": "suspended"})


def reinstate(session: Session, caller: Caller, license_id: str) -> License:
    return _change(session, caller, license_id, act="reinstate", start=("suspended",), values={"state": "active"})


def revoke(session: Session, caller: Caller, license_id: str) -> License:
    """End a license for good. A key that was delivered before cannot be called back; see the README."""
    values = {"state": "revoked", "revoked_at": clock.now()}
    return _change(session, caller, license_id, act="revoke", start=("active", "suspended"), values=values)


def renew(session: Session, caller: Caller, license_id: str, *, expires_at: datetime | None) -> License:
    _require_future(expires_at)
    values = {"expires_at": expires_at}
    return _change(session, caller, license_id, act="renew", start=("active", "suspended"), values=values)


def _change(
    session: Session, caller: Caller, license_id: str, *, act: str, start: tuple[str, ...], values: dict[str, Any]
) -> License:
    found = queries.get_given_license(session, caller, license_id)
    statement = update(License).where(License.id == found.id, License.state.in_(start)).values(**values)
    if session.execute(statement.returning(License.id)).scalar_one_or_none() is None:
        raise Conflict("license_state", f"A license that is {found.state} cannot be changed by {act}.")
    session.refresh(found)
    record_act(session, caller, f"license.{act}", found.id, owner=found.account_id, audience=(found.customer_id,))
    return found


def _require_future(moment: datetime | None) -> None:
    if moment is not None and moment <= clock.now():
        raise Invalid("expiry_past", "expires_at lies in the past; give a later time or leave it out.")
