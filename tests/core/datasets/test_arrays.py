"""Data sets as npz: opened, or refused each with its code."""

import struct
from pathlib import Path

import numpy as np
import pytest

from sdb_core.datasets import open_dataset
from tests.core.datasets.making import code_of, zipped


def saved(path: Path, **arrays) -> Path:
    np.savez_compressed(path, **arrays)
    return path


IMAGES = np.arange(40 * 8 * 8, dtype=np.uint8).reshape(40, 8, 8)
LABELS = np.arange(40) % 2


def test_arrays_open_with_or_without_a_test_part(tmp_path):
    whole = open_dataset(saved(tmp_path / "a.npz", images=IMAGES, labels=LABELS))
    assert (len(whole.train), len(whole.test), whole.shape) == (32, 8, (1, 8, 8))
    colour = np.repeat(IMAGES[..., None], 3, axis=3)
    parts = saved(tmp_path / "b.npz", x_train=colour, y_train=LABELS, x_test=colour[:6], y_test=LABELS[:6])
    split = open_dataset(parts)
    assert (len(split.train), len(split.test), split.shape) == (40, 6, (3, 8, 8))


@pytest.mark.parametrize(
    ("arrays", "code"),
    [
        ({"images": IMAGES, "labels": LABELS * 2}, "dataset_labels_invalid"),
        ({"images": IMAGES, "labels": LABELS - 1}, "dataset_labels_invalid"),
        ({"images": IMAGES, "labels": LABELS.astype(float)}, "dataset_labels_invalid"),
        ({"images": IMAGES, "labels": LABELS[:30]}, "dataset_labels_invalid"),
        ({"images": IMAGES, "labels": LABELS * 0}, "dataset_one_class"),
        ({"images": IMAGES.astype(float), "labels": LABELS}, "dataset_unreadable"),
        ({"pictures": IMAGES, "labels": LABELS}, "dataset_unreadable"),
        ({"images": np.array([object()] * 40), "labels": LABELS}, "dataset_unreadable"),
        ({"images": IMAGES[:4], "labels": LABELS[:4]}, "dataset_too_small"),
    ],
)
def test_each_bad_array_file_has_its_code(tmp_path, arrays, code):
    assert code_of(saved(tmp_path / "a.npz", **arrays)) == code


def test_an_array_header_that_claims_terabytes_is_refused_before_it_is_allocated(tmp_path):
    text = b"{'descr': '|u1', 'fortran_order': False, 'shape': (4398046511104, 8, 8), }"
    text += b" " * (63 - (len(text) + 10) % 64) + b"\n"
    entry = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text
    zipped(tmp_path / "a.npz", {"images.npy": entry, "labels.npy": entry})
    assert code_of(tmp_path / "a.npz") == "dataset_unreadable"
