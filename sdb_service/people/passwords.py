"""Passwords: which are good enough, and argon2id under a cap on how many run at once."""

import re
import secrets
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import BoundedSemaphore

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from sdb_service.errors import Invalid, Unavailable
from sdb_service.secret import Secret

LEAST, MOST = 12, 1024  # characters

# OWASP's Password Storage Cheat Sheet asks for m = 46 MiB, t = 1, p = 1 or its equals at least.
_ARGON2ID = Argon2Hasher(memory_cost=47_104, time_cost=2, parallelism=1)
_RUNS = 4  # at once: 184 MiB
_WAITING = 8  # more than these hold no thread of the server, but are told to come back

_LEAST_BESIDE_KNOWN = 6
_LEAST_DIFFERENT = 5
_KNOWN = (
    *("1234567890", "123456789", "12345678", "1234567", "123456", "12345", "1234", "123", "987654321", "654321", "000"),
    *("qwertyuiop", "qwertyui", "qwerty", "qwertz", "azerty", "asdfghjkl", "asdfgh", "asdf", "zxcvbnm", "zxcvbn"),
    *("1qaz2wsx3edc", "1qaz2wsx", "1q2w3e4r5t", "1q2w3e4r", "q1w2e3r4", "abcdefghijkl", "abcdef", "abcd", "abc"),
    *("password", "passwort", "passw0rd", "p@ssw0rd", "p@ssword", "passphrase", "pass", "secret", "geheim", "changeme"),
    *("letmein", "welcome", "willkommen", "iloveyou", "trustno1", "whatever", "starwars", "superman", "batman"),
    *("sunshine", "princess", "football", "baseball", "basketball", "dragon", "monkey", "shadow", "master", "michael"),
    *("administrator", "administrateur", "admin", "root", "login", "guest", "default", "temporary", "test", "user"),
    *("safe distillation box", "safedistillationbox", "distillation", "dashboard", "spring", "summer", "autumn"),
    *("winter", "january", "december", "monday", "friday", "hello", "correct horse battery staple", "sdb"),
)


@dataclass(frozen=True)
class Verified:
    """`right`, and the digest to store from now on where the cost of hashing has changed since."""

    right: bool
    renewed: str | None = None


def require_good(password: Secret, *, about: Iterable[str]) -> None:
    """Refuse what is short, or is little more than well-known words and those `about` the person; no other rules.

    Source: NIST SP 800-63B-4, section 3.1.1.2.
    Raises:
        Invalid: it is too short, too long or too easily guessed.
    """
    text = _normalised(password)
    if len(text) < LEAST:
        raise Invalid("password_too_short", f"The password is too short; take at least {LEAST} characters.")
    if len(text) > MOST:
        raise Invalid("password_too_long", f"The password is too long; take at most {MOST} characters.")
    beside = text.casefold()
    for word in sorted({*_KNOWN, *_words(about)}, key=len, reverse=True):
        beside = beside.replace(word, "")
    knew_a_word = len(beside) < len(text.casefold())
    if len(set(text)) < _LEAST_DIFFERENT or (knew_a_word and len(set(beside)) < _LEAST_BESIDE_KNOWN):
        raise Invalid(
            "password_guessable",
            "The password is easily guessed: it is little more than names and well-known words; take four or more "
            "words that have nothing to do with each other, or let a password manager make one.",
        )


class Hashing:
    """Argon2id for a process. It knows no names: the password of nobody is looked at as long as anybody's."""

    def __init__(self) -> None:
        self._hash = PasswordHash((_ARGON2ID,))
        self._running = BoundedSemaphore(_RUNS)
        self._inside = BoundedSemaphore(_RUNS + _WAITING)
        self._nobodys = self._hash.hash(secrets.token_bytes(32))

    def digest(self, password: Secret) -> str:
        """What is stored of a password. Raises `Unavailable` where too many are being looked at."""
        with self._turn():
            return self._hash.hash(_encoded(password))

    def verify(self, password: Secret, digest: str | None) -> Verified:
        """Whether the password is that of the digest; None is the digest of nobody, which costs the same.

        Raises:
            Unavailable: too many are being looked at.
        """
        with self._turn():
            right, renewed = self._hash.verify_and_update(_encoded(password), digest or self._nobodys)
        return Verified(right=right and digest is not None, renewed=renewed)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._inside.acquire(blocking=False):
            raise Unavailable("sign_in_busy", "Too many people sign in at this moment; try again in a second.")
        try:
            with self._running:
                yield
        finally:
            self._inside.release()


def _normalised(password: Secret) -> str:
    # One way of writing what keyboards write in several, or an umlaut of another system is another password.
    return unicodedata.normalize("NFKC", password.reveal().decode(errors="surrogatepass"))


def _encoded(password: Secret) -> bytes:
    return _normalised(password).encode(errors="surrogatepass")


def _words(about: Iterable[str]) -> set[str]:
    found = {part for text in about for part in re.split(r"[\s@._+-]+", text.casefold())}
    return {part for part in found if len(part) >= 4} | {text.casefold() for text in about if len(text) >= 4}
