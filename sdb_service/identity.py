"""Accounts and their ways in, as both the API and the operator's command line need them."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import and_, bindparam, func, or_, select, update
from sqlalchemy.orm import Session

from sdb_service import clock, credentials
from sdb_service.errors import Conflict, Unauthenticated
from sdb_service.ids import new_id
from sdb_service.secret import Secret
from sdb_service.tables import Account, DashboardSession, LoginLink, Token, User

Role = Literal["admin", "provider", "customer"]
Rank = Literal["owner", "member"]
Standing = Literal["admin", "owner", "member", "customer"]

LINK_SECONDS = 15 * 60
SESSION_SECONDS = 12 * 3600  # however much it is used
IDLE_SECONDS = 3600


@dataclass(frozen=True)
class Caller:
    """Who asks: the account, the person in it where one is known, and the address the request came from."""

    account_id: str
    role: str
    name: str
    address: str | None = None
    until: datetime | None = None  # when the token that speaks for them expires
    user_id: str | None = None  # None where a token of the account itself speaks
    rank: Rank = "owner"  # within a provider's account
    scopes: frozenset[str] | None = None  # None: all that the standing may do
    token_id: str | None = None  # None where a dashboard session speaks

    @property
    def is_admin(self) -> bool:
        return self.role == "admin"

    @property
    def standing(self) -> Standing:
        """The four kinds of people there are; only providers have owners and members."""
        if self.role == "provider":
            return self.rank
        return "admin" if self.is_admin else "customer"


def create_account(session: Session, name: str, *, role: Role) -> Account:
    """Open an account. Raises `Conflict` where the name is taken."""
    if session.execute(select(Account.id).where(Account.name == name)).first():
        raise Conflict("account_name_taken", f"There is an account named {name!r} already; choose another name.")
    account = Account(id=new_id("acc"), name=name, role=role)
    session.add(account)
    session.flush()
    return account


def issue_token(
    session: Session,
    account_id: str,
    *,
    name: str,
    key: Secret,
    expires_at: datetime | None = None,
    scopes: Collection[str] | None = None,
    rank: Rank = "owner",
    user_id: str | None = None,
) -> tuple[Token, Secret]:
    """A new token for programs; its text is returned here and never again."""
    fresh = credentials.make("sdb", key=key)
    token = Token(
        id=new_id("tok"),
        account_id=account_id,
        name=name,
        prefix=fresh.prefix,
        digest=fresh.digest,
        created_at=clock.now(),
        expires_at=expires_at,
        scopes=None if scopes is None else sorted(set(scopes)),
        rank=rank,
        user_id=user_id,
    )
    session.add(token)
    session.flush()
    return token, fresh.text


def caller_of_token(session: Session, text: str, *, key: Secret) -> Caller:
    """Whose token this is, of the lower of its rank and that of the person who made it.

    Raises:
        Unauthenticated: it is unknown, expired or revoked, or whoever made it is no longer of the account.
    """
    credentials.require_well_formed(text, "sdb")
    digest = credentials.digest_of(text, key=key)
    found = session.execute(_BY_DIGEST, {"digest": digest}).one_or_none()
    if found is None or found.revoked_at is not None or found.closed_at is not None or found.is_left:
        raise Unauthenticated("token_invalid", "The token is unknown or revoked; ask for a new one.")
    if found.expires_at is not None and found.expires_at <= clock.now():
        raise Unauthenticated("token_expired", "The token has expired; ask for a new one.")
    return Caller(
        found.account_id,
        found.role,
        found.account_name,
        until=found.expires_at,
        user_id=found.user_id,
        rank="member" if "member" in (found.rank, found.users_rank) else "owner",
        scopes=None if found.scopes is None else frozenset(found.scopes),
        token_id=found.token_id,
    )


_BY_DIGEST = (  # made once: asked with every request
    select(
        Account.id.label("account_id"),
        Account.name.label("account_name"),
        Account.role,
        Account.closed_at,
        Token.id.label("token_id"),
        Token.user_id,
        Token.rank,
        Token.scopes,
        Token.expires_at,
        Token.revoked_at,
        User.rank.label("users_rank"),
        and_(Token.user_id.is_not(None), or_(User.id.is_(None), User.closed_at.is_not(None))).label("is_left"),
    )
    .join(Token, Token.account_id == Account.id)
    .outerjoin(User, User.id == Token.user_id)
    .where(Token.digest == bindparam("digest"))
)


def make_login_link(session: Session, account_id: str, *, key: Secret) -> Secret:
    """A one-time way into the dashboard, good for 15 minutes."""
    fresh = credentials.make("link", key=key)
    session.add(
        LoginLink(id=new_id("lnk"), account_id=account_id, digest=fresh.digest, expires_at=clock.after(LINK_SECONDS))
    )
    session.flush()
    return fresh.text


def use_login_link(
    session: Session, text: str, *, key: Secret, address: str | None = None, agent: str | None = None
) -> tuple[DashboardSession, Secret]:
    """Turn a one-time link into a session. Raises `Unauthenticated` where it is unknown, used or too old."""
    digest = credentials.digest_of(text, key=key)
    statement = (
        update(LoginLink)
        .where(LoginLink.digest == digest, LoginLink.used_at.is_(None), LoginLink.expires_at > clock.now())
        .values(used_at=clock.now())
        .returning(LoginLink.account_id)
    )
    account_id = session.execute(statement).scalar_one_or_none()
    if account_id is None:
        raise Unauthenticated(
            "link_invalid", "This link was used already or is too old; ask for a new one with: sdb admin login-link."
        )
    return open_session(session, account_id, key=key, address=address, agent=agent)


def open_session(
    session: Session,
    account_id: str,
    *,
    key: Secret,
    user_id: str | None = None,
    address: str | None = None,
    agent: str | None = None,
) -> tuple[DashboardSession, Secret]:
    """A fresh session, of a person or, without one, of the account itself; the second is its cookie's text."""
    fresh, csrf = credentials.make("ses", key=key), credentials.make("csrf", key=key)
    opened = DashboardSession(
        id=new_id("ses"),
        account_id=account_id,
        user_id=user_id,
        digest=fresh.digest,
        csrf=csrf.digest,
        expires_at=clock.after(SESSION_SECONDS),
        seen_at=clock.now(),
        address=address,
        agent=agent[:200] if agent else None,
    )
    session.add(opened)
    session.flush()
    return opened, fresh.text


def caller_of_session(
    session: Session, text: str, *, key: Secret, idle_seconds: float = IDLE_SECONDS
) -> tuple[Caller, DashboardSession]:
    """Whose dashboard session this is, with the rights of this moment.

    Raises:
        Unauthenticated: it is unknown, over, not used for too long, or its person or account is closed.
    """
    digest = credentials.digest_of(text, key=key)
    statement = (
        select(Account, DashboardSession, User)
        .join(DashboardSession, DashboardSession.account_id == Account.id)
        .outerjoin(User, User.id == DashboardSession.user_id)
        .where(
            DashboardSession.digest == digest,
            DashboardSession.expires_at > clock.now(),
            func.coalesce(DashboardSession.seen_at, DashboardSession.created_at) > clock.after(-idle_seconds),
            Account.closed_at.is_(None),
            User.closed_at.is_(None),
        )
    )
    found = session.execute(statement).one_or_none()
    if found is None:
        raise Unauthenticated("session_over", "You are not signed in, or the session is over; sign in again.")
    account, opened, user = found
    return (Caller(account.id, account.role, account.name) if user is None else caller_of(account, user)), opened


def caller_of(account: Account, user: User, *, address: str | None = None) -> Caller:
    """A person as a caller."""
    rank: Rank = "member" if user.rank == "member" else "owner"
    return Caller(account.id, account.role, user.name, address, user_id=user.id, rank=rank)
