"""What all data sets share: splits, digests, and the model that they fit."""

import pytest
import torch

from sdb_core.datasets import LabelledImages, Splits, open_dataset, stratified_split
from sdb_core.errors import CoreError
from sdb_core.nets import Architecture


def test_digits_are_split_the_same_way_each_time_with_every_class_in_both():
    first, second = open_dataset("builtin:digits"), open_dataset("builtin:digits")
    assert (len(first.train), len(first.test), first.shape) == (1200, 597, (1, 8, 8))
    assert first.digest() == second.digest()
    assert first.train.images.max() == 255
    counts = torch.bincount(first.train.labels)
    assert counts.min() >= 115


def test_the_digest_changes_with_a_single_pixel(splits):
    other = Splits(
        LabelledImages(splits.train.images.clone(), splits.train.labels, splits.train.class_names), splits.test
    )
    assert other.digest() == splits.digest()
    other.train.images[0, 0, 0, 0] ^= 1
    assert other.digest() != splits.digest()


def test_a_data_set_of_another_shape_or_class_count_does_not_fit_the_model(splits):
    splits.check_fits(Architecture("sdb:cnn-mini", 3, 1, 8, 8))
    for wrong in (Architecture("sdb:cnn-mini", 3, 3, 8, 8), Architecture("sdb:cnn-mini", 4, 1, 8, 8)):
        with pytest.raises(CoreError) as caught:
            splits.check_fits(wrong)
        assert caught.value.code == "dataset_mismatch"


def test_a_validation_part_is_stratified_and_drawn_by_its_seed(splits):
    rest, part = stratified_split(splits.train, share=0.25, seed=3)
    assert torch.bincount(part.labels).tolist() == [8, 8, 8]
    assert len(rest) + len(part) == len(splits.train)
    assert torch.equal(part.images, stratified_split(splits.train, share=0.25, seed=3)[1].images)
    assert not torch.equal(part.images, stratified_split(splits.train, share=0.25, seed=4)[1].images)
