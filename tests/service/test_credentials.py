"""Tokens: told apart from typing errors before the database is asked, stored as a keyed hash."""

import pytest

from sdb_service import credentials
from sdb_service.errors import Unauthenticated
from sdb_service.secret import Secret

KEY = Secret(b"k" * 32)


def test_a_fresh_token_is_well_formed() -> None:
    credentials.require_well_formed(_text(), "sdb")


def test_every_single_typing_error_is_noticed() -> None:
    text = _text()
    accepted = []
    for place in range(4, len(text)):
        typed = "x" if text[place] != "x" else "y"
        if _is_accepted(text[:place] + typed + text[place + 1 :]):
            accepted.append(place)
    assert accepted == []


def test_two_swapped_characters_are_noticed() -> None:
    text = _text()
    swaps = [
        text[:i] + text[i + 1] + text[i] + text[i + 2 :] for i in range(4, len(text) - 1) if text[i] != text[i + 1]
    ]
    assert swaps
    assert not any(_is_accepted(swapped) for swapped in swaps)


@pytest.mark.parametrize("text", ["", "sdb", "sdb_", "sdb_short", "Bearer x", "sdb_" + "é" * 46])
def test_what_cannot_be_a_token_is_refused(text: str) -> None:
    assert not _is_accepted(text)


def test_a_token_of_another_kind_is_refused() -> None:
    assert not _is_accepted(credentials.make("link", key=KEY).text.reveal().decode())


def test_what_is_stored_is_a_hash_under_the_key() -> None:
    fresh = credentials.make("sdb", key=KEY)
    text = fresh.text.reveal().decode()
    assert credentials.digest_of(text, key=KEY) == fresh.digest
    assert credentials.digest_of(text, key=Secret(b"l" * 32)) != fresh.digest
    assert text not in repr(fresh)


def test_the_prefix_shows_little_of_the_token() -> None:
    fresh = credentials.make("sdb", key=KEY)
    assert fresh.text.reveal().decode().startswith(fresh.prefix)
    assert len(fresh.prefix) == len("sdb_") + 6


def _text() -> str:
    return credentials.make("sdb", key=KEY).text.reveal().decode()


def _is_accepted(text: str) -> bool:
    try:
        credentials.require_well_formed(text, "sdb")
    except Unauthenticated:
        return False
    return True
