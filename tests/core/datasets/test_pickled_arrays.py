"""Pickles of CIFAR's kind are read as Python reads them; nothing else in a pickle is followed."""

import os
import pickle

import numpy as np
import pytest

from sdb_core.datasets import pickled_arrays
from sdb_core.datasets.pickled_arrays import PickleRefused, read_pickled
from tests.core.datasets.making import python2_pickle

BATCH = {
    b"batch_label": b"training batch 1 of 5",
    b"labels": [6, 9, 300, 4],
    b"filenames": [b"leptodactylus_pentadactylus_s_000004.png"] * 4,
    b"data": np.arange(4 * 3072, dtype=np.uint8).reshape(4, 3072),
}


class Trap:
    def __init__(self, target) -> None:
        self.target = target

    def __reduce__(self):
        return os.system, (f"touch {self.target}",)


def same(mine: dict, theirs: dict) -> bool:
    keys = {name.decode() if isinstance(name, bytes) else name: value for name, value in theirs.items()}
    arrays = {name for name, value in keys.items() if isinstance(value, np.ndarray)}
    equal = all(np.array_equal(mine[name], keys[name]) and mine[name].dtype == np.uint8 for name in arrays)
    rest = [{name: value for name, value in one.items() if name not in arrays} for one in (mine, keys)]
    return bool(arrays) and equal and rest[0] == rest[1]


def test_a_pickle_of_python_2_is_read_as_pickle_reads_it():
    content = python2_pickle(BATCH)
    assert same(read_pickled(content), pickle.loads(content, encoding="bytes"))


@pytest.mark.parametrize("protocol", [3, 4])
@pytest.mark.parametrize("order", ["C", "F"])
def test_a_pickle_saved_again_by_python_3_is_read_alike(protocol, order):
    batch = BATCH | {b"data": np.asarray(BATCH[b"data"], order=order), b"one": [1], b"pair": (1, 2), b"none": None}
    assert same(read_pickled(pickle.dumps(batch, protocol)), batch)


def test_code_in_a_pickle_is_refused_by_name_and_never_run(tmp_path):
    for protocol in range(6):
        content = pickle.dumps({"data": Trap(tmp_path / "ran")}, protocol)
        with pytest.raises(PickleRefused, match=r"posix\.system|instruction"):
            read_pickled(content)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "value",
    [
        {"data": np.zeros((2, 3))},
        {"data": np.array([[object()]])},
        {"data": np.zeros((2, 2, 2), dtype=np.uint8)},
        {"data": np.float64(1.0)},
        {"data": {1, 2}},
        {"data": complex(1, 2)},
        {1: "number"},
        ["list"],
    ],
    ids=["floats", "objects", "a cube", "a number", "a set", "a complex", "a number as a name", "a list"],
)
def test_other_things_in_a_pickle_are_refused(value):
    with pytest.raises(PickleRefused):
        read_pickled(pickle.dumps(value, 4))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b".",
        b"}",
        b"\x80\x02}(U\x01a.",
        b"\x80\x02}(U\x01au.",
        b"\x80\x02u.",
        b"\x80\x02]U\x01as.",
        b"\x80\x02}h\x07.",
        b"\x80\x02\x85.",
        b"\x80\x02}}.",
        b"\x80\x02}U\x01aT\xff\xff\xff\x7fabc",
        b"\x80\x02cnumpy\nndarray\n)R.",
        b"\x80\x02cos\nsystem\n(U\x02lst R.",
        b"(dp0\nS'a'\np1\nI1\ns.",
    ],
)
def test_damaged_pickles_are_refused(content):
    with pytest.raises(PickleRefused):
        read_pickled(content)


def test_every_truncation_and_every_changed_byte_ends_in_an_answer_or_a_refusal():
    content = python2_pickle({b"labels": [1, 2], b"data": np.arange(6, dtype=np.uint8).reshape(2, 3)})
    for place in range(len(content)):
        with pytest.raises(PickleRefused):
            read_pickled(content[:place])
        for change in (1, 16, 128):
            changed = bytearray(content)
            changed[place] ^= change
            try:
                found = read_pickled(bytes(changed))
            except PickleRefused:
                continue
            assert isinstance(found, dict)


@pytest.mark.parametrize("side", [b"J\xff\xff\xff\xff", b"U\x03abc", b"\x8a\x08\0\0\0\0\0\0\0\x40"])
def test_an_array_whose_shape_is_not_that_of_its_bytes_is_refused(side):
    content = python2_pickle({b"data": np.zeros((2, 3), dtype=np.uint8)})
    assert content.count(b"K\x01K\x02K\x03\x86") == 1
    with pytest.raises(PickleRefused):
        read_pickled(content.replace(b"K\x01K\x02K\x03\x86", b"K\x01" + side + b"K\x03\x86"))


def test_a_pickle_of_endless_instructions_is_stopped(monkeypatch):
    monkeypatch.setattr(pickled_arrays, "MOST_STEPS", 100)
    with pytest.raises(PickleRefused, match="too many"):
        read_pickled(b"\x80\x02" + b"N" * 1000 + b".")
