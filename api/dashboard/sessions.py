"""Deciding about dashboard sessions: opened by a one-time link, closed by their owner; both are recorded."""

from sqlalchemy.orm import Session

from api.accounts.queries import open_account
from sdb_service import clock, identity
from sdb_service.identity import Caller
from sdb_service.people.own import Self
from sdb_service.people.signing_in import Visit, end_former
from sdb_service.recording import record_act
from sdb_service.secret import Secret
from sdb_service.tables import DashboardSession


def open_session(session: Session, link: str, *, key: Secret, visit: Visit) -> Secret:
    """Use up the link; the text of the session's cookie. Raises `Unauthenticated` where the link is no good."""
    opened, text = identity.use_login_link(session, link, key=key, address=visit.address, agent=visit.agent)
    end_former(session, visit.session, key=key)
    account = open_account(session, opened.account_id)
    caller = Caller(account.id, account.role, account.name, visit.address)
    record_act(session, caller, "session.open", opened.id, owner=account.id, detail={"by": "link"})
    return text


def close_session(session: Session, who: Self) -> None:
    """Make the cookie useless from now on, wherever a copy of it may be."""
    opened = session.get_one(DashboardSession, who.session_id)
    opened.expires_at = clock.now()
    record_act(session, who.caller, "session.close", opened.id, owner=who.caller.account_id)
