"""Partial answers: rows of two orders are never mixed under one output."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sdb_client.errors import OutputTaken
from sdb_client.partial import Order, Partial

ORDER = Order("acc_1", "box_1", "0" * 64, images=6, classes=3, dtype="<f4", resize=False)
OTHERS: dict[str, Any] = {
    "account_id": "acc_2",
    "box_id": "box_2",
    "images_sha256": "1" * 64,
    "images": 7,
    "classes": 4,
    "dtype": "<f2",
    "resize": True,
}


def some_rows(to: Path) -> None:
    with closing(Partial(to, ORDER)) as partial:
        partial.keep((2, 4), np.ones((2, 3), np.float32))


@pytest.mark.parametrize("name", list(OTHERS))
def test_what_was_begun_for_another_order_is_refused_and_kept(tmp_path: Path, name: str) -> None:
    some_rows(tmp_path / "open.npy")

    with pytest.raises(OutputTaken, match="name another output, or remove it"):
        Partial(tmp_path / "open.npy", replace(ORDER, **{name: OTHERS[name]}))

    with closing(Partial(tmp_path / "open.npy", ORDER)) as partial:
        assert partial.done == 2


def test_the_same_order_goes_on_with_what_is_missing(tmp_path: Path) -> None:
    some_rows(tmp_path / "open.npy")

    with closing(Partial(tmp_path / "open.npy", ORDER)) as partial:
        assert list(partial.missing(10)) == [(0, 2), (4, 6)]
        for span in ((0, 2), (4, 6)):
            partial.keep(span, np.zeros((2, 3), np.float32))
        partial.finish()

    np.testing.assert_array_equal(np.load(tmp_path / "open.npy")[:, 0], [0, 0, 1, 1, 0, 0])
