"""Deciding about the people of an account: its owners do, and the admin."""

from sqlalchemy.orm import Session

from api.accounts.queries import open_account
from api.people import queries, schemas
from sdb_service import clock
from sdb_service.errors import Conflict, not_found
from sdb_service.identity import Caller, Rank
from sdb_service.people import links, second_step, users
from sdb_service.recording import record_act
from sdb_service.secret import Secret
from sdb_service.tables import Invitation, User


def invite(
    session: Session, caller: Caller, wanted: schemas.NewInvitation, *, key: Secret
) -> tuple[Invitation, Secret]:
    """Invite somebody into one's account, or, by an admin, into another."""
    account_id = wanted.account_id or caller.account_id
    if account_id != caller.account_id and not caller.is_admin:
        raise not_found("account", account_id)
    account, email = open_account(session, account_id), users.email_of(wanted.email)
    invitation, text = links.invite(session, account, email=email, rank=wanted.rank, key=key)
    detail = {"rank": invitation.rank, "by": caller.user_id}
    record_act(session, caller, "invitation.make", invitation.id, owner=account.id, detail=detail)
    return invitation, text


def revoke_invitation(session: Session, caller: Caller, invitation_id: str) -> Invitation:
    """Make an invitation useless from now on. Raises `Conflict` where it was accepted."""
    invitation = queries.get_invitation(session, caller, invitation_id)
    if invitation.accepted_at is not None:
        raise Conflict("invitation_accepted", "The invitation was accepted already; take the person out instead.")
    if invitation.revoked_at is None:
        invitation.revoked_at = clock.now()
        session.flush()
        record_act(session, caller, "invitation.revoke", invitation.id, owner=invitation.account_id)
    return invitation


def change_rank(session: Session, caller: Caller, user_id: str, *, rank: Rank) -> User:
    """Make somebody an owner or a member. Raises `Conflict` for the last owner."""
    user = queries.get_user(session, caller, user_id)
    if user.rank != rank:
        users.change_rank(session, user, rank=rank)
        record_act(session, caller, "user.rank", user.id, owner=user.account_id, detail={"rank": rank})
    return user


def close_user(session: Session, caller: Caller, user_id: str) -> None:
    """Take somebody out of the account. Raises `Conflict` for the last owner."""
    user = queries.get_user(session, caller, user_id)
    users.close_user(session, user)
    record_act(session, caller, "user.close", user.id, owner=user.account_id)


def reset_password(session: Session, caller: Caller, user_id: str, *, key: Secret) -> Secret:
    """A link by which somebody of the account chooses a new password. Until then the old one holds."""
    user = queries.get_user(session, caller, user_id)
    text = links.make_reset(session, user, key=key)
    record_act(session, caller, "user.password_reset", user.id, owner=user.account_id)
    return text


def reset_second_step(session: Session, caller: Caller, user_id: str) -> User:
    """Switch the second step off for somebody who lost their device; their sessions end."""
    user = queries.get_user(session, caller, user_id)
    second_step.switch_off(session, user)
    users.end_sessions(session, user.id)
    record_act(session, caller, "user.totp_reset", user.id, owner=user.account_id)
    return user
