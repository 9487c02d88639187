"""A secret is seen only by those who say `reveal`."""

import copy
import dataclasses
import json
import logging
import pickle
import traceback
from typing import Any

import orjson
import pytest
from pydantic import BaseModel, ConfigDict, TypeAdapter

from sdb_service.logs import JsonLines
from sdb_service.secret import Secret

pytestmark = pytest.mark.trust

WORD = b"kappa-in-the-clear"


class Holder(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)

    key: Secret


@dataclasses.dataclass
class Held:
    key: Secret


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


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda secret: dataclasses.asdict(Held(secret))])
def test_it_cannot_be_copied(duplicate: Any) -> None:
    with pytest.raises(TypeError, match="never pickled"):
        duplicate(Secret(WORD))


def test_its_state_is_not_given_out() -> None:
    with pytest.raises(TypeError, match="never pickled"):
        Secret(WORD).__getstate__()


@pytest.mark.parametrize(
    "options", [0, orjson.OPT_NON_STR_KEYS, orjson.OPT_SERIALIZE_NUMPY, orjson.OPT_SERIALIZE_DATACLASS]
)
def test_it_does_not_go_into_json_of_orjson(options: int) -> None:
    for holder in (Secret(WORD), [Secret(WORD)], Held(Secret(WORD))):
        with pytest.raises(TypeError):
            orjson.dumps(holder, option=options)


def test_a_pydantic_model_neither_shows_it_nor_writes_it() -> None:
    holder = Holder(key=Secret(WORD))
    assert "kappa" not in repr(holder) + str(holder) + repr(holder.model_dump())
    for write in (
        holder.model_dump_json,
        lambda: holder.model_dump(mode="json"),
        lambda: _adapter().dump_json(Secret(WORD)),
    ):
        with pytest.raises(ValueError, match="serialize"):
            write()


def _adapter() -> TypeAdapter[Any]:
    return TypeAdapter(Any)


@pytest.mark.parametrize("convert", [bytes, bytearray, list, iter, memoryview, int, float])
def test_nothing_turns_it_into_bytes_or_numbers_but_reveal(convert: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        convert(Secret(WORD))


@pytest.mark.parametrize("form", ["s", "x", ">40", "10"])
def test_no_format_shows_it(form: str) -> None:
    try:
        shown = format(Secret(WORD), form)
    except TypeError:
        return
    assert "kappa" not in shown


def test_a_traceback_that_shows_local_variables_does_not_show_it() -> None:
    def broken(key: Secret) -> None:
        raise RuntimeError("broken")

    try:
        broken(Secret(WORD))
    except RuntimeError as error:
        told = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
        assert "key = Secret(***)" in told
        assert "kappa-in" not in told


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
