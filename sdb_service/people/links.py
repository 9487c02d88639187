"""Links that let somebody choose a password: an invitation into an account, and a reset. Each works once."""

from typing import Never

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from sdb_service import clock, credentials
from sdb_service.errors import Conflict, Unauthenticated
from sdb_service.identity import Rank
from sdb_service.ids import new_id
from sdb_service.people.users import end_sessions, open_user, void_resets
from sdb_service.secret import Secret
from sdb_service.tables import Account, Invitation, PasswordReset, User

INVITATION_SECONDS = 7 * 24 * 3600
RESET_SECONDS = 24 * 3600


def invite(session: Session, account: Account, *, email: str, rank: Rank, key: Secret) -> tuple[Invitation, Secret]:
    """Invite somebody into the account; the text of the link's secret is returned here and never again.

    An earlier invitation of the same address into this account works no more.

    Raises:
        Conflict: they are in this account already. Of other accounts nothing is told.
    """
    known = select(User.id).where(User.account_id == account.id, User.email == email, User.closed_at.is_(None))
    if session.execute(known).first():
        raise Conflict("person_is_in", "There is a person of this e-mail address in the account already.")
    session.execute(
        update(Invitation)
        .where(Invitation.account_id == account.id, Invitation.email == email, *_waits())
        .values(revoked_at=clock.now())
    )
    fresh = credentials.make("inv", key=key)
    invitation = Invitation(
        id=new_id("inv"),
        account_id=account.id,
        email=email,
        rank=rank if account.role == "provider" else "owner",
        digest=fresh.digest,
        expires_at=clock.after(INVITATION_SECONDS),
    )
    session.add(invitation)
    session.flush()
    return invitation, fresh.text


def waiting_invitation(session: Session, text: str, *, key: Secret) -> tuple[Invitation, Account]:
    """What an invitation's link invites to. Raises `Unauthenticated` where it is used, revoked or too old."""
    statement = select(Invitation, Account).join(Account, Account.id == Invitation.account_id)
    statement = statement.where(Invitation.digest == credentials.digest_of(text, key=key), *_waits())
    found = session.execute(statement.where(Account.closed_at.is_(None))).one_or_none()
    if found is None:
        _refuse()
    return found[0], found[1]


def use_invitation(session: Session, invitation: Invitation) -> None:
    """Use it up. Raises `Unauthenticated` where somebody was faster, or it was revoked meanwhile."""
    statement = update(Invitation).where(Invitation.id == invitation.id, *_waits()).values(accepted_at=clock.now())
    if session.execute(statement.returning(Invitation.id)).scalar_one_or_none() is None:
        _refuse()


def make_reset(session: Session, user: User, *, key: Secret) -> Secret:
    """A way to choose a new password within a day; earlier ones work no more."""
    void_resets(session, user.id)
    fresh = credentials.make("pwd", key=key)
    session.add(
        PasswordReset(id=new_id("pwd"), user_id=user.id, digest=fresh.digest, expires_at=clock.after(RESET_SECONDS))
    )
    session.flush()
    return fresh.text


def waiting_reset(session: Session, text: str, *, key: Secret) -> User:
    """Whose new password a link lets one choose. Raises `Unauthenticated` where it is used or too old."""
    statement = select(PasswordReset.user_id).where(
        PasswordReset.digest == credentials.digest_of(text, key=key),
        PasswordReset.used_at.is_(None),
        PasswordReset.expires_at > clock.now(),
    )
    user_id = session.execute(statement).scalar_one_or_none()
    if user_id is None:
        _refuse()
    return open_user(session, user_id)


def use_reset(session: Session, text: str, *, key: Secret, password: str) -> User:
    """Store the new password, a digest; all sessions end. Raises `Unauthenticated` where somebody was faster."""
    statement = (
        update(PasswordReset)
        .where(
            PasswordReset.digest == credentials.digest_of(text, key=key),
            PasswordReset.used_at.is_(None),
            PasswordReset.expires_at > clock.now(),
        )
        .values(used_at=clock.now())
        .returning(PasswordReset.user_id)
    )
    user_id = session.execute(statement).scalar_one_or_none()
    if user_id is None:
        _refuse()
    user = open_user(session, user_id)
    user.password = password
    session.flush()
    end_sessions(session, user.id)
    return user


def _waits() -> tuple[ColumnElement[bool], ...]:
    return (
        Invitation.accepted_at.is_(None),
        Invitation.revoked_at.is_(None),
        Invitation.expires_at > clock.now(),
    )


def _refuse() -> Never:
    raise Unauthenticated(
        "link_invalid", "This link was used already, was taken back or is too old; ask who sent it for a new one."
    )
