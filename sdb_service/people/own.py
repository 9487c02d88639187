"""What a person changes of their own: the password, the second step, the sessions."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sdb_service import clock
from sdb_service.errors import Forbidden, NotFound, not_found
from sdb_service.identity import SESSION_SECONDS, Caller
from sdb_service.people import passwords, second_step, users
from sdb_service.people.signing_in import Door
from sdb_service.recording import record_act
from sdb_service.runtime import Runtime
from sdb_service.secret import Secret
from sdb_service.tables import Account, DashboardSession, User


@dataclass(frozen=True)
class Self:
    """Who changes something of their own, and the session they do it in."""

    caller: Caller
    session_id: str

    @property
    def user_id(self) -> str:
        """Raises `NotFound` where the session is the account's and not a person's."""
        if self.caller.user_id is None:
            raise NotFound(
                "nobody_signed_in", "This session was opened by a one-time link and is no person's; invite yourself."
            )
        return self.caller.user_id


def change_password(runtime: Runtime, door: Door, who: Self, *, old: Secret, new: Secret) -> None:
    """Take the new password for the old one; all other sessions end, and links to choose one work no more.

    Raises:
        Forbidden: the old one is not right. Invalid: the new one is not good enough.
        TooManyRequests: too many were tried.
    """
    user = require_password(runtime, door, who, old)
    with runtime.database.reading() as session:
        account = session.get_one(Account, user.account_id)
    passwords.require_good(new, about=(user.email, user.name, account.name))
    digest = door.hashing.digest(new)
    with runtime.database.transaction() as session:
        fresh = users.open_user(session, user.id)
        fresh.password = digest
        users.end_sessions(session, user.id, but=who.session_id)
        users.void_resets(session, user.id)
        record_act(session, who.caller, "user.password", user.id, owner=user.account_id)


def begin_second_step(runtime: Runtime, who: Self) -> None:
    """Make a seed, which counts once it is confirmed. Raises `Conflict` where the second step is on."""
    with runtime.database.transaction() as session:
        second_step.begin(session, users.open_user(session, who.user_id), keys=runtime.keys)


def pending_second_step(runtime: Runtime, who: Self) -> tuple[Secret, str]:
    """The seed that waits for its first code, and its address for an app. Raises `Conflict` where none does."""
    with runtime.database.reading() as session:
        user = users.open_user(session, who.user_id)
    seed = second_step.pending(user, keys=runtime.keys)
    return seed, second_step.address_of(user, seed)


def confirm_second_step(runtime: Runtime, door: Door, who: Self, *, code: str) -> list[Secret]:
    """Switch it on; the recovery codes. Raises `Conflict`, `Forbidden`, `TooManyRequests`."""
    door.attempts.require_code(who.user_id, device=who.session_id)
    with runtime.database.transaction() as session:
        user = users.open_user(session, who.user_id)
        codes = second_step.confirm(session, user, code, keys=runtime.keys, key=runtime.token_key)
        users.end_sessions(session, user.id, but=who.session_id)  # they were opened without it
        record_act(session, who.caller, "user.totp_on", user.id, owner=user.account_id)
    return codes


def switch_second_step_off(runtime: Runtime, door: Door, who: Self, *, password: Secret, code: str) -> None:
    """Needs both, or a session left open would be enough to take it off.

    Raises:
        Forbidden: the password or the code is not right. TooManyRequests: too many were tried.
    """
    require_password(runtime, door, who, password)
    door.attempts.require_code(who.user_id, device=who.session_id)
    with runtime.database.transaction() as session:
        user = users.open_user(session, who.user_id)
        second_step.require_code(session, user, code, keys=runtime.keys, key=runtime.token_key)
        second_step.switch_off(session, user)
        record_act(session, who.caller, "user.totp_off", user.id, owner=user.account_id)


def require_password(runtime: Runtime, door: Door, who: Self, password: Secret) -> User:
    """The person, if this is their password. Raises `Forbidden` where not, `TooManyRequests`."""
    door.attempts.require_own(who.user_id)
    with runtime.database.reading() as session:
        user = users.open_user(session, who.user_id)
    if not door.hashing.verify(password, user.password).right:
        raise Forbidden("password_wrong", "This is not your present password; type it again.")
    return user


def own_sessions(session: Session, who: Self, *, idle_seconds: float = SESSION_SECONDS) -> list[DashboardSession]:
    """The sessions that are open now, of the person, or of the account's one-time links; the latest first."""
    user_id = who.caller.user_id
    statement = select(DashboardSession).where(
        DashboardSession.account_id == who.caller.account_id,
        DashboardSession.user_id.is_(None) if user_id is None else DashboardSession.user_id == user_id,
        DashboardSession.expires_at > clock.now(),
        func.coalesce(DashboardSession.seen_at, DashboardSession.created_at) > clock.after(-idle_seconds),
    )
    return list(session.execute(statement.order_by(DashboardSession.id.desc())).scalars())


def end_own_session(session: Session, who: Self, session_id: str) -> None:
    """End one of one's own sessions. Raises `NotFound`."""
    found = [each for each in own_sessions(session, who) if each.id == session_id]
    if not found:
        raise not_found("session", session_id)
    _end(session, who, found)


def end_other_sessions(session: Session, who: Self) -> None:
    """Sign out everywhere else: all of one's own sessions but this one."""
    _end(session, who, [each for each in own_sessions(session, who) if each.id != who.session_id])


def _end(session: Session, who: Self, ended: list[DashboardSession]) -> None:
    for each in ended:
        each.expires_at = clock.now()
        record_act(session, who.caller, "session.close", each.id, owner=each.account_id)
