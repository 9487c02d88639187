"""Finding licenses."""

from dataclasses import dataclass

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from sdb_service.errors import not_found
from sdb_service.identity import Caller
from sdb_service.tables import License, PastHolder


@dataclass(frozen=True)
class Holder:
    """Who holds or held a license."""

    license_id: str
    customer_id: str


def visible_licenses(caller: Caller) -> Select[License]:
    """Those a provider gave, those a customer holds; the admin sees all."""
    statement = select(License)
    if caller.is_admin:
        return statement
    theirs = License.account_id if caller.role == "provider" else License.customer_id
    return statement.where(theirs == caller.account_id)


def get_license(session: Session, caller: Caller, license_id: str) -> License:
    """A license the caller gave or holds. Raises `NotFound`."""
    found = session.execute(visible_licenses(caller).where(License.id == license_id)).scalar_one_or_none()
    if found is None:
        raise not_found("license", license_id)
    return found


def get_given_license(session: Session, caller: Caller, license_id: str) -> License:
    """A license the caller gave, as provider. Raises `NotFound`."""
    found = get_license(session, caller, license_id)
    if not caller.is_admin and (caller.role != "provider" or found.account_id != caller.account_id):
        raise not_found("license", license_id)
    return found


def holders_of_keys(session: Session, box_id: str) -> dict[str, Holder]:
    """All who ever held a delivered license for a box, by the name that the mark in their key is drawn for."""
    delivered = select(License).where(License.box_id == box_id, License.mode == "delivered")
    lost = select(PastHolder).join(License, License.id == PastHolder.license_id)
    lost = lost.where(License.box_id == box_id, License.mode == "delivered")
    now = {row.mark: Holder(row.id, row.customer_id) for row in session.execute(delivered).scalars()}
    return now | {row.mark: Holder(row.license_id, row.customer_id) for row in session.execute(lost).scalars()}
