"""Deciding about dashboard sessions: opened by a one-time link, closed by their owner; both are recorded."""

from sqlalchemy.orm import Session

from api.accounts.queries import open_account
from sdb_service import clock, identity
from sdb_service.identity import Caller
from sdb_service.recording import record_act
from sdb_service.secret import Secret


def open_session(session: Session, link: str, *, key: Secret, address: str | None) -> Secret:
    """Use up the link; the text of the session's cookie. Raises `Unauthenticated` where the link is no good."""
    opened, text = identity.use_login_link(session, link, key=key)
    account = open_account(session, opened.account_id)
    caller = Caller(account.id, account.role, account.name, address)
    record_act(session, caller, "session.open", opened.id, owner=account.id)
    return text


def close_session(session: Session, text: str, *, key: Secret, caller: Caller) -> None:
    """Make the cookie useless from now on, wherever a copy of it may be."""
    _, opened = identity.caller_of_session(session, text, key=key)
    opened.expires_at = clock.now()
    record_act(session, caller, "session.close", opened.id, owner=caller.account_id)
