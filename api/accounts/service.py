"""Deciding about accounts and tokens."""

from datetime import datetime

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from api.accounts import queries, schemas
from sdb_service import clock, identity, quotas
from sdb_service.errors import Conflict, Invalid, not_found
from sdb_service.identity import Caller
from sdb_service.recording import record_act
from sdb_service.secret import Secret
from sdb_service.settings import Settings
from sdb_service.tables import Account, Token


def create_account(session: Session, caller: Caller, wanted: schemas.NewAccount) -> Account:
    """Open an account."""
    try:
        account = identity.create_account(session, wanted.name, role=wanted.role)
    except IntegrityError as error:  # another request took the name at the same moment
        raise Conflict("account_name_taken", "There is an account of this name already; choose another.") from error
    record_act(session, caller, "account.create", account.id, owner=account.id, detail={"role": account.role})
    return account


def change_account(session: Session, caller: Caller, account_id: str, wanted: schemas.AccountChange) -> Account:
    """Give an account another role; from then on its tokens and sessions may what the new role may.

    What it made under the old role stays in its name, and out of its reach until it has that role again.
    """
    if account_id == caller.account_id:
        raise Conflict(
            "account_is_yours", "You cannot change the role of the account you are using; ask another admin."
        )
    account = queries.open_account(session, account_id)
    if account.role != wanted.role:
        detail = {"from": account.role, "to": wanted.role}
        account.role = wanted.role
        record_act(session, caller, "account.change", account.id, owner=account.id, detail=detail)
    return account


def close_account(session: Session, caller: Caller, account_id: str) -> None:
    """Close an account: its tokens and sessions stop at once, its objects stay."""
    if account_id == caller.account_id:
        raise Conflict("account_is_yours", "You cannot close the account you are using; ask another admin.")
    queries.open_account(session, account_id).closed_at = clock.now()
    record_act(session, caller, "account.close", account_id, owner=account_id)


def issue_token(
    session: Session, caller: Caller, wanted: schemas.NewToken, *, key: Secret, settings: Settings
) -> tuple[Token, Secret]:
    """A token for oneself, or, by an admin, for somebody else; never more than what asks for it.

    Raises:
        NotFound: somebody else's account. Invalid: it would last longer or reach further than the caller's own token.
        QuotaExceeded: the account has as many as it may.
    """
    account_id = wanted.account_id or caller.account_id
    if account_id != caller.account_id and not caller.is_admin:
        raise not_found("account", account_id)
    _require_no_longer(caller, wanted.expires_at)
    _require_no_more(caller, wanted)
    queries.open_account(session, account_id)
    quotas.reserve(session, account_id, {"tokens": 1}, settings=settings)
    token, text = identity.issue_token(
        session,
        account_id,
        name=wanted.name,
        key=key,
        expires_at=wanted.expires_at,
        scopes=wanted.scopes,
        rank=wanted.rank or caller.rank,
        user_id=caller.user_id if account_id == caller.account_id else None,
    )
    detail = {"scopes": token.scopes} if token.scopes is not None else None
    record_act(session, caller, "token.issue", token.id, owner=account_id, detail=detail)
    return token, text


def revoke_token(session: Session, caller: Caller, token_id: str) -> None:
    """Make a token useless from now on."""
    statement = queries.visible_tokens(caller).where(Token.id == token_id)
    token = session.execute(statement).scalar_one_or_none()
    if token is None:
        raise not_found("token", token_id)
    if token.revoked_at is None:
        token.revoked_at = clock.now()
        record_act(session, caller, "token.revoke", token.id, owner=token.account_id)


def _require_no_longer(caller: Caller, expires_at: datetime | None) -> None:
    if expires_at is not None and expires_at <= clock.now():
        raise Invalid("expiry_past", "expires_at lies in the past; give a later time or leave it out.")
    if caller.until is not None and (expires_at is None or expires_at > caller.until):
        raise Invalid(
            "expiry_beyond_yours", f"Your own token ends at {caller.until}; give an expires_at no later than that."
        )


def _require_no_more(caller: Caller, wanted: schemas.NewToken) -> None:
    if caller.scopes is not None and (wanted.scopes is None or not caller.scopes.issuperset(wanted.scopes)):
        raise Invalid(
            "scopes_beyond_yours",
            f"Your own token has the scopes {', '.join(sorted(caller.scopes))}; name none but those.",
        )
    if caller.rank == "member" and wanted.rank == "owner":
        raise Invalid("rank_beyond_yours", "You are a member of this account; leave the rank out or name member.")
