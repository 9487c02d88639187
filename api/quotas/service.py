"""Deciding about quotas."""

from sqlalchemy.orm import Session

from api.accounts.queries import open_account
from api.quotas import schemas
from sdb_service import quotas
from sdb_service.errors import not_found
from sdb_service.identity import Caller
from sdb_service.recording import record_act
from sdb_service.settings import Settings


def usage(session: Session, caller: Caller, account_id: str, *, settings: Settings) -> schemas.Usage:
    """What an account uses and may use: one's own, or, for an admin, anybody's. Raises `NotFound`."""
    if account_id != caller.account_id and not caller.is_admin:
        raise not_found("account", account_id)
    open_account(session, account_id)
    found = quotas.standings(session, account_id, settings=settings)
    return schemas.Usage(account_id=account_id, quotas=[schemas.ResourceUse.of(each) for each in found])


def choose(
    session: Session, caller: Caller, account_id: str, wanted: schemas.NewQuotas, *, settings: Settings
) -> schemas.Usage:
    """Hold an account to other limits. What is above them stays, and nothing more is begun."""
    open_account(session, account_id)
    changes = wanted.model_dump(exclude_unset=True)
    quotas.choose_limits(session, account_id, changes)
    record_act(session, caller, "account.quotas", account_id, owner=account_id, detail=changes)
    return usage(session, caller, account_id, settings=settings)
