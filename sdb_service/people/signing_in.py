"""Signing in: attempts are counted, then the password is looked at, then the second step, then a session is opened.

Whether a name is somebody's shows nowhere: not in the answer, not in what is computed, not in what is counted. Nothing
is hashed inside a transaction, which would make every writer wait.
"""

import hmac
import logging
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import update
from sqlalchemy.orm import Session

from sdb_service import clock, credentials, identity
from sdb_service.errors import Forbidden, Unauthenticated
from sdb_service.identity import Caller
from sdb_service.people import devices, second_step, users
from sdb_service.people.attempts import Attempts
from sdb_service.people.passwords import Hashing, Verified
from sdb_service.recording import record_act
from sdb_service.runtime import Runtime
from sdb_service.secret import Secret
from sdb_service.settings import Settings
from sdb_service.tables import Account, DashboardSession, User

log = logging.getLogger(__name__)

STEP_SECONDS = 300
_NOBODY = "usr_unknown"


class Door:
    """What everybody passes who signs in to this process."""

    def __init__(self, settings: Settings) -> None:
        self.hashing = Hashing()
        self.attempts = Attempts(settings)


@dataclass(frozen=True)
class Visit:
    """Where a sign-in comes from, and the cookies it brings."""

    address: str | None = None
    agent: str | None = None
    device: str | None = None
    session: str | None = None


@dataclass(frozen=True)
class Entered:
    """Signed in: the texts of two cookies."""

    session: Secret
    device: Secret


@dataclass(frozen=True)
class CodeWanted:
    """The password was right; `step` proves so, for five minutes, when the code comes."""

    step: Secret


def sign_in(runtime: Runtime, door: Door, *, email: str, password: Secret, visit: Visit) -> Entered | CodeWanted:
    """Sign in by name and password.

    Raises:
        TooManyRequests: too many attempts were made. Unavailable: too many sign in at this moment.
        Unauthenticated: name or password is not right; which of them is not told.
    """
    name, key = users.sign_in_name(email), runtime.token_key
    device = devices.known(visit.device, name, key=key)
    door.attempts.require_sign_in(credentials.digest_of(name, key=key), address=visit.address, device=device)
    with runtime.database.reading() as session:
        user = users.open_user_named(session, name)
    verified = door.hashing.verify(password, user.password if user else None)
    if user is None or not verified.right:
        _record_refusal(runtime, door, user, visit, why="password")
        raise Unauthenticated(
            "sign_in_refused", "The e-mail address or the password is not right; try again, or ask for a new password."
        )
    _store_renewed(runtime, user, verified)
    if user.totp_since is not None:
        return CodeWanted(_step_of(user, key=key))
    return enter(runtime, user, visit)


def enter_code(runtime: Runtime, door: Door, *, step: str, code: str, visit: Visit) -> Entered:
    """The second step of somebody whose password was right.

    Raises:
        TooManyRequests: too many codes were tried.
        Unauthenticated: the first step is too long ago, or the code is wrong or was used already.
    """
    user = _user_of_step(runtime, step)
    device = devices.known(visit.device, user.email, key=runtime.token_key)
    door.attempts.require_code(user.id, device=device)
    try:
        return enter(
            runtime,
            user,
            visit,
            first=lambda session, fresh: second_step.require_code(
                session, fresh, code, keys=runtime.keys, key=runtime.token_key
            ),
        )
    except Forbidden as refused:
        _record_refusal(runtime, door, user, visit, why="code")
        raise Unauthenticated(refused.code, refused.detail) from refused


def enter(
    runtime: Runtime, user: User, visit: Visit, *, first: Callable[[Session, User], None] | None = None
) -> Entered:
    """Open a fresh session, whatever cookie came along: whoever planted that one holds nothing."""
    key = runtime.token_key
    with runtime.database.transaction() as session:
        fresh = users.open_user(session, user.id)
        if not hmac.compare_digest(fresh.password, user.password):
            raise _too_late()
        if first is not None:
            first(session, fresh)
        end_former(session, visit.session, key=key)
        opened, text = identity.open_session(
            session, fresh.account_id, key=key, user_id=fresh.id, address=visit.address, agent=visit.agent
        )
        fresh.last_sign_in_at = clock.now()
        caller = identity.caller_of(session.get_one(Account, fresh.account_id), fresh, address=visit.address)
        detail = {"user_id": fresh.id, "by": "password and code" if fresh.totp_since else "password"}
        record_act(session, caller, "session.open", opened.id, owner=caller.account_id, detail=detail)
    return Entered(text, devices.make(user.email, key=key))


def end_former(session: Session, text: str | None, *, key: Secret) -> None:
    """End the session that the cookie of somebody who signs in anew still names."""
    if text:
        former = update(DashboardSession).where(
            DashboardSession.digest == credentials.digest_of(text, key=key),
            DashboardSession.expires_at > clock.now(),
        )
        session.execute(former.values(expires_at=clock.now()))


def _store_renewed(runtime: Runtime, user: User, verified: Verified) -> None:
    """The same password under today's parameters."""
    if verified.renewed is None:
        return
    with runtime.database.transaction() as session:
        statement = update(User).where(User.id == user.id, User.password == user.password)
        session.execute(statement.values(password=verified.renewed))
    user.password = verified.renewed


def _record_refusal(runtime: Runtime, door: Door, user: User | None, visit: Visit, *, why: str) -> None:
    """In the audit log, as often as it takes it: of a name that is nobody's as of one that is somebody's."""
    if not door.attempts.may_be_recorded():
        log.warning("a refused sign-in is not in the audit log, which has enough of them for now")
        return
    owner = user.account_id if user else ""
    nobody = Caller(owner, "", "", visit.address)
    with runtime.database.transaction() as session:
        name, detail = user.id if user else _NOBODY, {"why": why}
        record_act(session, nobody, "session.refuse", name, owner=owner, detail=detail, outcome="refused")


def _step_of(user: User, *, key: Secret) -> Secret:
    until = str(int(clock.after(STEP_SECONDS).timestamp()))
    return Secret(f"{user.id}.{until}.{_proof(user, until, key)}".encode())


def _user_of_step(runtime: Runtime, step: str) -> User:
    user_id, _, rest = step.partition(".")
    until, _, proof = rest.partition(".")
    with runtime.database.reading() as session:
        user = users.open_user(session, user_id)
    if not hmac.compare_digest(proof.encode(), _proof(user, until, runtime.token_key).encode()):
        raise _too_late()
    if int(until) <= clock.now().timestamp():
        raise _too_late()
    return user


def _proof(user: User, until: str, key: Secret) -> str:
    # The digest within: a password that was changed meanwhile was not given.
    return credentials.digest_of(f"step|{user.id}|{until}|{user.password}", key=key)


def _too_late() -> Unauthenticated:
    return Unauthenticated("step_over", "Signing in took too long; begin again with your name and password.")
