"""Choosing a password by a link: whoever was invited joins an account, whoever forgot theirs takes a new one.

Only the holder of a link that works gets as far as hashing, and no oftener than attempts allow.
"""

from sdb_service.identity import Caller, Rank, caller_of
from sdb_service.people import devices, links, passwords, users
from sdb_service.people.signing_in import Door, Entered, Visit, enter
from sdb_service.recording import record_act
from sdb_service.runtime import Runtime
from sdb_service.secret import Secret
from sdb_service.tables import Account


def join(runtime: Runtime, door: Door, *, link: str, name: str, password: Secret, visit: Visit) -> Entered:
    """Become a person of the account that the invitation is into, and sign in.

    Raises:
        Unauthenticated: the invitation was used, taken back or is too old.
        Invalid: the password is not good enough. Conflict: the e-mail address is somebody's already.
        TooManyRequests: too many attempts were made. Unavailable: too many sign in at this moment.
    """
    key = runtime.token_key
    with runtime.database.reading() as session:
        invitation, account = links.waiting_invitation(session, link, key=key)
    passwords.require_good(password, about=(invitation.email, name, account.name))
    door.attempts.require_link(visit.address)
    digest = door.hashing.digest(password)
    with runtime.database.transaction() as session:
        links.use_invitation(session, invitation)
        rank: Rank = "member" if invitation.rank == "member" else "owner"
        user = users.add_user(session, account, email=invitation.email, name=name, rank=rank, password=digest)
        caller = caller_of(account, user, address=visit.address)
        detail = {"user_id": user.id, "rank": user.rank}
        record_act(session, caller, "invitation.accept", invitation.id, owner=account.id, detail=detail)
    return enter(runtime, user, visit)


def choose_password(runtime: Runtime, door: Door, *, link: str, password: Secret, visit: Visit) -> Secret:
    """Take a new password by a link; all sessions end, and a second step is still asked for.

    The text of a cookie that makes the device a known one: strangers who try the name do not keep it out.

    Raises:
        Unauthenticated: the link was used or is too old. Invalid: the password is not good enough.
        TooManyRequests: too many attempts were made. Unavailable: too many sign in at this moment.
    """
    key = runtime.token_key
    with runtime.database.reading() as session:
        user = links.waiting_reset(session, link, key=key)
        account = session.get_one(Account, user.account_id)
    passwords.require_good(password, about=(user.email, user.name, account.name))
    door.attempts.require_link(visit.address)
    digest = door.hashing.digest(password)
    with runtime.database.transaction() as session:
        user = links.use_reset(session, link, key=key, password=digest)
        caller: Caller = caller_of(account, user, address=visit.address)
        record_act(session, caller, "user.password", user.id, owner=account.id, detail={"by": "link"})
    return devices.make(user.email, key=key)
