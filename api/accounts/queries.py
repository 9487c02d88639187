"""Finding accounts and tokens."""

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from sdb_service.errors import not_found
from sdb_service.identity import Caller
from sdb_service.tables import Account, Token


def visible_accounts(caller: Caller) -> Select[Account]:
    statement = select(Account).where(Account.closed_at.is_(None))
    return statement if caller.is_admin else statement.where(Account.id == caller.account_id)


def open_account(session: Session, account_id: str) -> Account:
    """The account, if it is open. Raises `NotFound`."""
    found = session.get(Account, account_id)
    if found is None or found.closed_at is not None:
        raise not_found("account", account_id)
    return found


def visible_tokens(caller: Caller) -> Select[Token]:
    """The account's; members see those they made themselves. The admin sees all."""
    statement = select(Token)
    if caller.is_admin:
        return statement
    statement = statement.where(Token.account_id == caller.account_id)
    if caller.rank == "member":
        return statement.where(Token.rank == "member", Token.user_id == caller.user_id)
    return statement
