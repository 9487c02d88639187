"""Passwords: which are refused, how they are hashed, and that no crowd can use up the machine."""

import threading
import unicodedata
from concurrent.futures import ThreadPoolExecutor

import pytest
from pwdlib.hashers.argon2 import Argon2Hasher

from sdb_service.errors import Invalid, Unavailable
from sdb_service.people import passwords
from sdb_service.people.passwords import Hashing, require_good
from sdb_service.secret import Secret

pytestmark = pytest.mark.trust

ABOUT = ("ada.lovelace@analytical.example", "Ada Lovelace", "Analytical Engines")


def secret(text: str) -> Secret:
    return Secret(text.encode())


@pytest.mark.parametrize(
    "text",
    [
        "seventeen violet trams",
        "monkeys ate my 7 hats",
        "8f3kq0zvmw1x",
        "829374650163",
        "пароль из нескольких слов",
        "    spaces    around    it    all",
        "x" * 1000 + "and some more of it",
    ],
)
def test_what_is_long_and_says_something_of_its_own_is_taken_whatever_characters_it_has(text: str) -> None:
    require_good(secret(text), about=ABOUT)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("elevenchars", "password_too_short"),
        ("", "password_too_short"),
        ("ﬁve words a" * 100, "password_too_long"),  # a ligature that stands for two letters
        ("x" * 1025, "password_too_long"),
        ("password1234", "password_guessable"),
        ("Passwordpassword", "password_guessable"),
        ("P@ssw0rd2024!", "password_guessable"),
        ("123456789012", "password_guessable"),
        ("qwertyuiop123", "password_guessable"),
        ("aaaaaaaaaaaaaaaa", "password_guessable"),
        ("correct horse battery staple", "password_guessable"),
        ("adalovelace1815", "password_guessable"),
        ("AnalyticalEngines1", "password_guessable"),
        ("ada.lovelace@analytical.example", "password_guessable"),
        ("safedistillationbox", "password_guessable"),
        ("ｐａｓｓｗｏｒｄ１２３４", "password_guessable"),  # full width
    ],
)
def test_what_is_short_or_easily_guessed_is_refused_with_what_to_do(text: str, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        require_good(secret(text), about=ABOUT)

    assert refused.value.code == code
    assert text not in refused.value.detail or not text


def test_a_password_is_stored_as_argon2id_with_more_work_than_owasp_asks_for() -> None:
    digest = Hashing().digest(secret("seventeen violet trams"))

    kind, _, costs = digest.split("$")[1:4]
    cost = {name: int(value) for name, value in (part.split("=") for part in costs.split(","))}
    assert kind == "argon2id"
    assert cost["m"] >= 47_104
    assert cost["t"] >= 1
    assert "violet" not in digest


def test_a_password_typed_in_another_form_of_unicode_is_the_same() -> None:
    hashing, text = Hashing(), "zwölf süße Äpfel im Café"
    digest = hashing.digest(secret(unicodedata.normalize("NFC", text)))

    assert hashing.verify(secret(unicodedata.normalize("NFD", text)), digest).right
    assert not hashing.verify(secret(text.casefold()), digest).right


def test_a_digest_of_old_parameters_is_renewed_when_it_is_right_and_not_when_it_is_wrong() -> None:
    hashing, old = Hashing(), Argon2Hasher(memory_cost=8_192, time_cost=1, parallelism=1).hash("seventeen violet trams")

    right, wrong = hashing.verify(secret("seventeen violet trams"), old), hashing.verify(secret("wrong"), old)

    assert right.right
    assert right.renewed is not None
    assert hashing.verify(secret("seventeen violet trams"), right.renewed) == passwords.Verified(right=True)
    assert (wrong.right, wrong.renewed) == (False, None)


def test_nobodys_password_is_never_right_and_is_looked_at_by_the_same_parameters() -> None:
    hashing = Hashing()

    assert not hashing.verify(secret("anything at all"), None).right
    assert hashing._nobodys.split("$")[1:4] == hashing.digest(secret("anything at all")).split("$")[1:4]


def test_a_crowd_runs_argon2_a_few_at_a_time_and_those_beyond_the_queue_are_sent_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hashing, gate, lock = Hashing(), threading.Event(), threading.Lock()
    running, most = [0], [0]

    def slow(_self: Argon2Hasher, _password: object, _digest: object) -> bool:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        assert gate.wait(10)
        with lock:
            running[0] -= 1
        return False

    monkeypatch.setattr(Argon2Hasher, "verify", slow)
    with ThreadPoolExecutor(40) as crowd:
        asked = [crowd.submit(hashing.verify, secret("guess"), None) for _ in range(40)]
        while sum(one.done() for one in asked) < 28:
            assert not gate.wait(0.01)
        gate.set()
        errors = [one.exception() for one in asked]

    assert most == [4]
    assert sum(error is None for error in errors) == 12
    assert all(error is None or isinstance(error, Unavailable) for error in errors)
    assert not hashing.verify(secret("afterwards"), None).right
