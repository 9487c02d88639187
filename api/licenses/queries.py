"""Finding licenses."""

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from sdb_service.errors import not_found
from sdb_service.identity import Caller
from sdb_service.tables import License


def visible_licenses(caller: Caller) -> Select[License]:
    """Those one gave and those one holds; the admin sees all."""
    statement = select(License)
    if caller.is_admin:
        return statement
    if caller.role == "provider":
        return statement.where(or_(License.account_id == caller.account_id, License.customer_id == caller.account_id))
    return statement.where(License.customer_id == caller.account_id)


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
