"""Our own npy, which is numpy's."""

import numpy as np
import pytest

from api.bodies.npy import read_npy, write_npy
from tests.api.networks import as_npy

ARRAYS = {
    "labels": np.arange(7),
    "probs": np.random.default_rng(1).random((5, 10), np.float32),
    "logits": np.random.default_rng(1).normal(size=(1000, 100)).astype(np.float32),
    "one row": np.ones((1, 10), np.float32),
    "one class": np.ones((4, 1), np.float32),
    "rows from the middle": np.random.default_rng(1).random((9, 10), np.float32)[3:6],
    "no labels": np.empty(0, np.int64),
    "no rows": np.empty((0, 10), np.float32),
    "no classes": np.empty((3, 0), np.float32),
}


@pytest.mark.parametrize("name", list(ARRAYS))
def test_an_array_is_written_as_numpy_saves_it_and_read_again(name: str) -> None:
    array = ARRAYS[name]

    body = write_npy(array)

    assert body == as_npy(array)
    found = read_npy(body)
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array, strict=True)
