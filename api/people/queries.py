"""Finding people and invitations."""

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from sdb_service.errors import not_found
from sdb_service.identity import Caller
from sdb_service.tables import Invitation, User


def visible_users(caller: Caller) -> Select[User]:
    """The people of one's account; for the admin those of all."""
    statement = select(User).where(User.closed_at.is_(None))
    return statement if caller.is_admin else statement.where(User.account_id == caller.account_id)


def get_user(session: Session, caller: Caller, user_id: str) -> User:
    """Raises `NotFound`."""
    found = session.execute(visible_users(caller).where(User.id == user_id)).scalar_one_or_none()
    if found is None:
        raise not_found("user", user_id)
    return found


def visible_invitations(caller: Caller) -> Select[Invitation]:
    statement = select(Invitation)
    return statement if caller.is_admin else statement.where(Invitation.account_id == caller.account_id)


def get_invitation(session: Session, caller: Caller, invitation_id: str) -> Invitation:
    """Raises `NotFound`."""
    found = session.execute(visible_invitations(caller).where(Invitation.id == invitation_id)).scalar_one_or_none()
    if found is None:
        raise not_found("invitation", invitation_id)
    return found
