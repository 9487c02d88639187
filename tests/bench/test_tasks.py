"""What the benchmark's choices are judged on: training images alone, never the test split."""

import dataclasses

import numpy as np
import pytest

from bench.tasks import TASKS, fold, in_precision, opened
from sdb_core.settings import WrapSettings


@pytest.fixture
def data(tmp_path):
    """60 training images whose pixels say their number, 20 test images of 200 and more."""
    pixels = np.concatenate([np.arange(60), 200 + np.arange(20)]).astype(np.uint8)
    images = np.broadcast_to(pixels[:, None, None, None], (80, 8, 8, 1))
    labels = np.arange(80) % 2
    arrays = {"x_train": images[:60], "y_train": labels[:60], "x_test": images[60:], "y_test": labels[60:]}
    np.savez(tmp_path / "data.npz", **arrays)
    return tmp_path / "data.npz"


def numbers(images):
    return set(images.images[:, 0, 0, 0].tolist())


def test_a_task_is_judged_on_the_test_split(data):
    splits = opened(dataclasses.replace(TASKS["digits"], train=30, test=10), data)
    assert numbers(splits.train) == set(range(30))
    assert numbers(splits.test) == set(range(200, 210))


def test_a_fold_is_judged_on_the_images_that_the_task_leaves(data):
    splits = fold(dataclasses.replace(TASKS["digits"], train=30, test=20), data, seed=0)
    assert numbers(splits.train) == set(range(30))
    assert numbers(splits.test) == set(range(40, 60))


@pytest.mark.parametrize(("train", "test"), [(0, 0), (50, 20)])
def test_a_fold_of_a_task_that_leaves_too_few_is_a_fifth_of_its_own(data, train, test):
    splits = fold(dataclasses.replace(TASKS["digits"], train=train, test=test), data, seed=0)
    own = set(range(train or 60))
    assert numbers(splits.train) | numbers(splits.test) == own
    assert not numbers(splits.train) & numbers(splits.test)
    assert len(splits.test) == len(own) // 5


@pytest.mark.parametrize("name", TASKS)
def test_a_precision_is_that_of_every_training(name):
    task = in_precision(TASKS[name], "bfloat16")
    assert task.original.precision == task.students.precision == "bfloat16"
    for policy in ("sdb-hardened", "sdb"):
        assert WrapSettings.for_policy(policy, task.wrap).precision == "bfloat16"
