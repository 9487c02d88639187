"""The people of an account: finding them, and what changes them."""

import re
import unicodedata

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from sdb_service import clock
from sdb_service.errors import Conflict, Invalid, Unauthenticated
from sdb_service.identity import Rank
from sdb_service.ids import new_id
from sdb_service.tables import Account, DashboardSession, PasswordReset, User

_EMAIL = re.compile(r"[^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f]+")
_LONGEST_EMAIL = 254  # RFC 5321, with the brackets taken off


def email_of(text: str) -> str:
    """An e-mail address in the one way in which it is stored. Raises `Invalid` where it is none."""
    found = sign_in_name(text)
    if len(found) > _LONGEST_EMAIL or not _EMAIL.fullmatch(found):
        raise Invalid("email_invalid", "This is not an e-mail address; give one such as ada@example.org.")
    return found


def sign_in_name(text: str) -> str:
    """What somebody typed as their name, as it would be stored."""
    return unicodedata.normalize("NFKC", text).strip().casefold()


def open_user_named(session: Session, name: str) -> User | None:
    """The person who signs in by this name, where they and their account are open."""
    statement = select(User).join(Account, Account.id == User.account_id)
    statement = statement.where(User.email == name, User.closed_at.is_(None), Account.closed_at.is_(None))
    return session.execute(statement).scalar_one_or_none()


def open_user(session: Session, user_id: str) -> User:
    """The person, if they and their account are open. Raises `Unauthenticated`: this asks who signs in."""
    statement = select(User).join(Account, Account.id == User.account_id)
    statement = statement.where(User.id == user_id, User.closed_at.is_(None), Account.closed_at.is_(None))
    found = session.execute(statement).scalar_one_or_none()
    if found is None:
        raise Unauthenticated("session_over", "You are not signed in, or the session is over; sign in again.")
    return found


def add_user(session: Session, account: Account, *, email: str, name: str, rank: Rank, password: str) -> User:
    """A new person of the account; `password` is its digest. Raises `Conflict` where the address is somebody's."""
    if session.execute(select(User.id).where(User.email == email, User.closed_at.is_(None))).first():
        raise _taken()
    user = User(
        id=new_id("usr"),
        account_id=account.id,
        email=email,
        name=name,
        rank=rank if account.role == "provider" else "owner",
        password=password,
    )
    session.add(user)
    try:
        session.flush()
    except IntegrityError as error:  # another account took the address in at the same moment
        raise _taken() from error
    return user


def change_rank(session: Session, user: User, *, rank: Rank) -> None:
    """Make a provider's person an owner or a member. It holds from their next request on.

    Raises:
        Conflict: they are the last owner. Invalid: the account is no provider's, where all are owners.
    """
    account = session.get_one(Account, user.account_id, with_for_update=True)
    if account.role != "provider" and rank != "owner":
        raise Invalid("rank_unknown_here", f"All people of a {account.role} are owners; only providers have members.")
    if rank == "member":
        _require_another_owner(session, user)
    user.rank = rank
    session.flush()


def close_user(session: Session, user: User) -> None:
    """Take a person out of the account: their sessions end at once, and their address is free again.

    Raises:
        Conflict: they are the last owner.
    """
    session.get_one(Account, user.account_id, with_for_update=True)
    _require_another_owner(session, user)
    user.closed_at = clock.now()
    user.totp_sealed = None
    session.flush()
    end_sessions(session, user.id)
    void_resets(session, user.id)


def end_sessions(session: Session, user_id: str, *, but: str | None = None) -> None:
    """End all sessions of a person, but for the one with this id."""
    statement = update(DashboardSession).where(
        DashboardSession.user_id == user_id, DashboardSession.expires_at > clock.now()
    )
    session.execute(statement.where(DashboardSession.id != (but or "")).values(expires_at=clock.now()))


def void_resets(session: Session, user_id: str) -> None:
    """Links to choose a new password, as far as there are any, work no more."""
    statement = update(PasswordReset).where(PasswordReset.user_id == user_id, PasswordReset.used_at.is_(None))
    session.execute(statement.values(used_at=clock.now()))


def _taken() -> Conflict:
    return Conflict("email_taken", "Somebody signs in with this e-mail address already; ask for another invitation.")


def _require_another_owner(session: Session, user: User) -> None:
    # The caller holds the account's row: two owners who leave at once would each count the other.
    owners = select(func.count()).where(
        User.account_id == user.account_id, User.rank == "owner", User.closed_at.is_(None), User.id != user.id
    )
    if user.rank == "owner" and not session.execute(owners).scalar_one():
        raise Conflict("owner_is_last", "This is the last owner of the account; make somebody else an owner first.")
