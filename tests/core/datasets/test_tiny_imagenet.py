"""Tiny-ImageNet opens from its usual folder, packed or not."""

import pytest
import torch

from sdb_core.datasets import open_dataset
from sdb_core.errors import CoreError
from tests.core.datasets.making import code_of, on_disk, png, tarred, tiny_imagenet, zipped

ROOT = "tiny-imagenet-200"


def test_tiny_imagenet_opens_with_its_validation_images_as_the_test_part(tmp_path):
    splits = open_dataset(zipped(tmp_path / "tiny-imagenet-200.zip", tiny_imagenet()))
    assert splits.train.class_names == ("goldfish", "fire salamander")  # n01, n02
    assert (len(splits.train), len(splits.test), splits.shape) == (12, 2, (3, 64, 64))
    assert torch.bincount(splits.train.labels).tolist() == [6, 6]
    red = splits.test.images[:, 0].float().mean(dim=(1, 2))  # made with red 0 for n02, 60 for n01
    assert splits.test.labels[red.argsort()].tolist() == [1, 0]


@pytest.mark.parametrize("form", ["folder", "inner", "a.tar.gz"])
def test_wherever_it_lies_it_is_the_same_data_set(tmp_path, form):
    expected = open_dataset(zipped(tmp_path / "a.zip", tiny_imagenet())).digest()
    write = tarred if form == "a.tar.gz" else on_disk
    path = write(tmp_path / form, tiny_imagenet())
    assert open_dataset(path / ROOT if form == "inner" else path).digest() == expected


def test_classes_that_share_a_word_keep_their_ids(tmp_path):
    words = {f"{ROOT}/words.txt": b"n01\tcrane, bird\nn02\tcrane, machine\n"}
    splits = open_dataset(zipped(tmp_path / "a.zip", tiny_imagenet() | words))
    assert splits.train.class_names == ("crane (n01)", "crane (n02)")


def test_without_words_the_ids_are_the_names(tmp_path):
    files = tiny_imagenet()
    del files[f"{ROOT}/words.txt"]
    assert open_dataset(zipped(tmp_path / "a.zip", files)).train.class_names == ("n01", "n02")


def annotated(line: bytes) -> dict[str, bytes]:
    files = tiny_imagenet()
    files[f"{ROOT}/val/val_annotations.txt"] += line
    return files


@pytest.mark.parametrize(
    ("files", "code"),
    [
        (annotated(b"val_9.JPEG\tn01\t0\t0\t1\t1\n"), "dataset_unreadable"),
        (annotated(b"../../train/x.JPEG\tn01\n"), "dataset_unreadable"),
        (annotated(b"val_0.JPEG\n"), "dataset_unreadable"),
        (annotated(b"val_0.JPEG\tn09\n"), "dataset_labels_invalid"),
        (annotated(b"") | {f"{ROOT}/train/n01/images/n01_9.JPEG": b"no image"}, "dataset_image_unreadable"),
        (annotated(b"") | {f"{ROOT}/val/images/val_0.JPEG": png(side=32)}, "dataset_shape_mixed"),
        ({name: content for name, content in annotated(b"").items() if "/train/" not in name}, "dataset_unreadable"),
        ({name: content for name, content in annotated(b"").items() if "/n02/" not in name}, "dataset_labels_invalid"),
    ],
)
def test_a_damaged_tiny_imagenet_is_refused(tmp_path, files, code):
    assert code_of(zipped(tmp_path / "a.zip", files)) == code


def test_who_asks_for_it_where_none_is_learns_what_is_missing(tmp_path):
    with pytest.raises(CoreError, match=r"val/val_annotations\.txt"):
        open_dataset(on_disk(tmp_path / "a", {"x.txt": b""}), "tiny_imagenet")
