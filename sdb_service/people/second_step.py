"""The second step of signing in: codes that change each half minute (TOTP, RFC 6238), and codes for recovery."""

import secrets

import pyotp
from pyotp.exceptions import OTPVerificationError
from sqlalchemy import delete, or_, update
from sqlalchemy.orm import Session

from sdb_service import clock, credentials
from sdb_service.errors import Conflict, Forbidden
from sdb_service.sealing import KeyEncryption, seal, unseal
from sdb_service.sealing.contexts import totp_context
from sdb_service.secret import Secret
from sdb_service.tables import RecoveryCode, User

ISSUER = "SDB"
RECOVERY_CODES = 10

_DRIFT = 1  # steps of half a minute that a clock may be off (RFC 6238, section 5.2)
_DIGITS = 6
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that look alike on paper
_GROUPS, _IN_GROUP = 4, 4  # 79 bits


def begin(session: Session, user: User, *, keys: KeyEncryption) -> Secret:
    """A fresh seed, which counts once a code of it was entered. Raises `Conflict` where there is one that counts."""
    if user.totp_since is not None:
        raise Conflict("totp_is_on", "The second step is on already; switch it off before you set up another device.")
    seed = Secret(pyotp.random_base32().encode())
    user.totp_sealed = seal(seed, context=totp_context(account_id=user.account_id, user_id=user.id), keys=keys)
    session.flush()
    return seed


def pending(user: User, *, keys: KeyEncryption) -> Secret:
    """The seed that waits for its first code. Raises `Conflict` where none does."""
    if user.totp_since is not None or user.totp_sealed is None:
        raise Conflict("totp_not_begun", "No second step is being set up; begin it on the page of your account.")
    return _seed(user, keys)


def address_of(user: User, seed: Secret) -> str:
    """What an authenticator app reads from the picture."""
    return pyotp.TOTP(seed.reveal().decode()).provisioning_uri(name=user.email, issuer_name=ISSUER)


def confirm(session: Session, user: User, code: str, *, keys: KeyEncryption, key: Secret) -> list[Secret]:
    """Switch the second step on; the recovery codes, which are shown this once.

    Raises:
        Conflict: it is on, or was never begun. Forbidden: the code is not right.
    """
    _use_code(session, user, code, seed=pending(user, keys=keys))
    user.totp_since = clock.now()
    codes = [_recovery_code() for _ in range(RECOVERY_CODES)]
    session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id))
    session.add_all(RecoveryCode(digest=_digest(user, code, key), user_id=user.id) for code in codes)
    session.flush()
    return [Secret(code.encode()) for code in codes]


def require_code(session: Session, user: User, code: str, *, keys: KeyEncryption, key: Secret) -> None:
    """Use up a code, of the app or for recovery.

    Raises:
        Forbidden: it is wrong, or was used already.
    """
    typed = "".join(code.split())
    if len(typed) == _DIGITS and typed.isascii() and typed.isdecimal():
        if user.totp_sealed is None:
            raise _wrong()
        _use_code(session, user, typed, seed=_seed(user, keys))
        return
    statement = (
        update(RecoveryCode)
        .where(RecoveryCode.digest == _digest(user, typed, key), RecoveryCode.user_id == user.id)
        .where(RecoveryCode.used_at.is_(None))
        .values(used_at=clock.now())
        .returning(RecoveryCode.digest)
    )
    if session.execute(statement).scalar_one_or_none() is None:
        raise _wrong()


def switch_off(session: Session, user: User) -> None:
    """No second step from now on; its seed and its recovery codes are gone."""
    user.totp_sealed, user.totp_since, user.totp_step = None, None, None
    session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id))
    session.flush()


def _use_code(session: Session, user: User, code: str, *, seed: Secret) -> None:
    totp = pyotp.TOTP(seed.reveal().decode())
    try:
        step = totp.verify_and_get_timecode("".join(code.split()), for_time=clock.now(), valid_window=_DRIFT)
    except OTPVerificationError as error:
        raise _wrong() from error
    # In one statement: of two who send the same code at once, one is late.
    statement = update(User).where(User.id == user.id, or_(User.totp_step.is_(None), User.totp_step < step))
    used = session.execute(statement.values(totp_step=step).returning(User.id)).scalar_one_or_none()
    if used is None:
        raise _wrong()


def _seed(user: User, keys: KeyEncryption) -> Secret:
    assert user.totp_sealed is not None
    return unseal(user.totp_sealed, context=totp_context(account_id=user.account_id, user_id=user.id), keys=keys)


def _wrong() -> Forbidden:
    return Forbidden("code_wrong", "The code is not right, or was used already; wait for the next one.")


def _digest(user: User, code: str, key: Secret) -> str:
    return credentials.digest_of(f"recovery|{user.id}|{code.casefold().replace('-', '')}", key=key)


def _recovery_code() -> str:
    groups = ["".join(secrets.choice(_LETTERS) for _ in range(_IN_GROUP)) for _ in range(_GROUPS)]
    return "-".join(groups)
