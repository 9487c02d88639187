"""A secret is seen only by those who say `reveal`."""

import copy
import json
import logging
import pickle

import pytest

from sdb_service.logs import JsonLines
from sdb_service.secret import Secret

WORD = b"kappa-in-the-clear"


def test_reveal_gives_the_bytes() -> None:
    assert Secret(WORD).reveal() == WORD


@pytest.mark.parametrize("show", [repr, str, "{}".format, "{!r}".format, ascii, lambda secret: f"{[secret]}"])
def test_no_way_of_printing_shows_it(show: object) -> None:
    assert callable(show)
    assert "kappa" not in show(Secret(WORD))


def test_it_does_not_go_into_json() -> None:
    with pytest.raises(TypeError):
        json.dumps({"key": Secret(WORD)})


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_it_does_not_go_into_a_pickle(protocol: int) -> None:
    with pytest.raises(TypeError, match="never pickled"):
        pickle.dumps(Secret(WORD), protocol)


def test_it_cannot_be_copied_by_the_copy_module() -> None:
    with pytest.raises(TypeError, match="never pickled"):
        copy.deepcopy(Secret(WORD))


def test_it_has_no_dict_to_look_into() -> None:
    with pytest.raises(TypeError):
        vars(Secret(WORD))


def test_it_has_no_hash() -> None:
    with pytest.raises(TypeError, match="no hash"):
        hash(Secret(WORD))


def test_it_equals_only_a_secret_of_the_same_bytes() -> None:
    assert Secret(WORD) == Secret(WORD)
    assert Secret(WORD) != Secret(WORD + b"!")
    assert Secret(WORD) != WORD


def test_a_log_line_does_not_show_it() -> None:
    record = logging.makeLogRecord({"msg": "made %s", "args": (Secret(WORD),), "key": Secret(WORD)})
    assert "kappa" not in JsonLines().format(record)
