"""CIFAR-10 and CIFAR-100 open from all four of their folders, packed or not."""

import os
import pickle

import numpy as np
import pytest
import torch

from sdb_core.datasets import open_dataset
from sdb_core.errors import CoreError
from tests.core.datasets.making import (
    cifar10_binary,
    cifar10_python,
    cifar100_binary,
    cifar100_python,
    code_of,
    images,
    on_disk,
    tarred,
    zipped,
)

PYTHON10, BINARY10 = "cifar-10-batches-py", "cifar-10-batches-bin"


def test_the_binary_version_of_cifar_10_opens(tmp_path):
    splits = open_dataset(tarred(tmp_path / "cifar-10-binary.tar.gz", cifar10_binary()))
    assert splits.train.class_names == ("airplane", "automobile", "bird")
    assert (len(splits.train), len(splits.test), splits.shape) == (30, 6, (3, 32, 32))
    assert torch.equal(splits.train.images, torch.from_numpy(np.concatenate([images(6, seed=n) for n in range(1, 6)])))
    assert splits.test.labels.tolist() == [0, 1, 2, 0, 1, 2]


@pytest.mark.parametrize(
    ("python", "binary"), [(cifar10_python, cifar10_binary), (cifar100_python, cifar100_binary)], ids=["10", "100"]
)
def test_the_python_version_is_the_same_data_set_as_the_binary_one(tmp_path, python, binary):
    one = open_dataset(tarred(tmp_path / "python.tar.gz", python()))
    assert one.digest() == open_dataset(tarred(tmp_path / "binary.tar.gz", binary())).digest()


def test_cifar_100_has_its_fine_labels(tmp_path):
    splits = open_dataset(on_disk(tmp_path, cifar100_python()))
    assert splits.train.class_names == ("apple", "aquarium_fish", "baby")
    assert splits.train.labels.tolist() == [0, 1, 2] * 4
    assert (len(splits.train), len(splits.test)) == (12, 6)


def test_the_folder_itself_the_one_around_it_and_a_zip_are_one_data_set(tmp_path):
    around = on_disk(tmp_path / "data", cifar10_python())
    inner = open_dataset(around / PYTHON10)
    assert inner.digest() == open_dataset(around).digest()
    assert inner.digest() == open_dataset(zipped(tmp_path / "a.zip", cifar10_python())).digest()


def refused(tmp_path, files, match: str) -> str:
    with pytest.raises(CoreError, match=match) as caught:
        open_dataset(tarred(tmp_path / "a.tar.gz", files))
    assert caught.value.message.endswith(".")
    return caught.value.code


def test_a_truncated_batch_is_refused_by_name(tmp_path):
    for files, name in (
        (cifar10_binary(), f"{BINARY10}/data_batch_3.bin"),
        (cifar10_python(), f"{PYTHON10}/test_batch"),
    ):
        files[name] = files[name][:-5]
        assert refused(tmp_path, files, name) == "dataset_unreadable"


def test_a_batch_that_would_run_code_is_refused_and_does_not(tmp_path):
    class Trap:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path}/ran",)

    files = cifar10_python() | {f"{PYTHON10}/data_batch_2": pickle.dumps(Trap(), 2)}
    assert refused(tmp_path, files, r"data_batch_2 .*posix\.system.*binary version") == "dataset_unreadable"
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("batch", "code"),
    [
        ({"labels": [0, 1, 2]}, "dataset_unreadable"),
        ({"data": np.zeros((3, 3072), dtype=np.uint8)}, "dataset_unreadable"),
        ({"data": np.zeros((3, 3072), dtype=np.uint8), "labels": [0, 1]}, "dataset_unreadable"),
        ({"data": np.zeros((3, 3071), dtype=np.uint8), "labels": [0, 1, 2]}, "dataset_unreadable"),
        ({"data": np.zeros((3, 3072), dtype=np.uint8), "labels": [0, 1, -1]}, "dataset_labels_invalid"),
        ({"data": np.zeros((3, 3072), dtype=np.uint8), "labels": [0, 1, 2**70]}, "dataset_labels_invalid"),
        ({"data": np.zeros((3, 3072), dtype=np.uint8), "labels": [0, 1, True]}, "dataset_labels_invalid"),
        ({"data": np.zeros((3, 3072), dtype=np.uint8), "labels": [0, 1, 7]}, "dataset_labels_invalid"),
    ],
)
def test_a_batch_that_is_not_cifars_is_refused(tmp_path, batch, code):
    files = cifar10_python() | {f"{PYTHON10}/data_batch_2": pickle.dumps(batch, 4)}
    assert code_of(tarred(tmp_path / "a.tar.gz", files)) == code


def test_a_label_beyond_the_class_names_is_refused(tmp_path):
    files = cifar10_binary() | {f"{BINARY10}/batches.meta.txt": b"airplane\nautomobile\n"}
    assert code_of(tarred(tmp_path / "a.tar.gz", files)) == "dataset_labels_invalid"


def test_names_that_are_no_names_are_refused(tmp_path):
    files = cifar10_python() | {f"{PYTHON10}/batches.meta": pickle.dumps({"label_names": [1, 2, 3]}, 4)}
    assert code_of(tarred(tmp_path / "a.tar.gz", files)) == "dataset_unreadable"


def test_a_batch_of_any_size_is_not_loaded(tmp_path, monkeypatch):
    monkeypatch.setattr("sdb_core.datasets.cifar.MOST_BATCH_BYTES", 1000)
    assert code_of(tarred(tmp_path / "a.tar.gz", cifar10_binary())) == "dataset_unreadable"


def test_who_asks_for_cifar_where_none_is_learns_which_folders_are_taken(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(CoreError, match="cifar-10-batches-py"):
        open_dataset(tmp_path / "empty", "cifar")
