"""Folders of images, in a zip, a tar or on disk: opened, or refused with a code and the file at fault."""

import io

import pytest
import torch
from PIL import Image

from sdb_core.datasets import open_dataset
from sdb_core.errors import CoreError
from tests.core.datasets.making import code_of, folder, on_disk, png, tarred, zipped


def test_folders_without_a_test_part_give_a_fifth_of_each_class(tmp_path):
    splits = open_dataset(zipped(tmp_path / "a.zip", folder()))
    assert splits.train.class_names == ("cat", "dog")
    assert torch.bincount(splits.train.labels).tolist() == [8, 8]
    assert torch.bincount(splits.test.labels).tolist() == [2, 2]


@pytest.mark.parametrize("held_out", ["test", "val"])
def test_folders_with_parts_keep_them(tmp_path, held_out):
    files = {f"train/{name}": content for name, content in folder().items()}
    files |= {f"{held_out}/{name}": content for name, content in folder(2).items()}
    splits = open_dataset(zipped(tmp_path / "a.zip", files))
    assert (len(splits.train), len(splits.test)) == (20, 4)


def test_an_outer_folder_and_a_macs_own_files_are_overlooked(tmp_path):
    files = {f"pets/{name}": content for name, content in folder().items()}
    splits = open_dataset(
        zipped(tmp_path / "a.zip", files | {"__MACOSX/pets/cat/._0.png": b"x", "pets/.DS_Store": b"x"})
    )
    assert splits.train.class_names == ("cat", "dog")


def test_one_colour_image_makes_all_colour(tmp_path):
    splits = open_dataset(zipped(tmp_path / "a.zip", folder() | {"cat/rgb.png": png(mode="RGB")}))
    assert splits.shape == (3, 8, 8)


def test_images_are_converted_to_the_shape_asked_for(tmp_path):
    files = folder() | {"cat/large.png": png(side=20)}
    splits = open_dataset(zipped(tmp_path / "a.zip", files), channels=3, size=(16, 12))
    assert splits.shape == (3, 16, 12)


def test_an_unreadable_image_is_named(tmp_path):
    path = zipped(tmp_path / "a.zip", folder() | {"cat/broken.png": png()[:40]})
    with pytest.raises(CoreError, match=r"cat/broken\.png") as caught:
        open_dataset(path)
    assert caught.value.code == "dataset_image_unreadable"


def test_an_image_of_a_format_outside_the_list_is_refused(tmp_path):
    buffer = io.BytesIO()
    Image.new("L", (8, 8)).save(buffer, format="TIFF")
    assert (
        code_of(zipped(tmp_path / "a.zip", folder() | {"cat/x.png": buffer.getvalue()})) == "dataset_image_unreadable"
    )


def test_mixed_sizes_are_refused(tmp_path):
    assert code_of(zipped(tmp_path / "a.zip", folder() | {"cat/x.png": png(side=9)})) == "dataset_shape_mixed"


def test_one_class_is_refused(tmp_path):
    files = {f"cat/{number}.png": png() for number in range(20)}
    assert code_of(zipped(tmp_path / "a.zip", files)) == "dataset_one_class"


def test_few_images_are_refused(tmp_path):
    assert code_of(zipped(tmp_path / "a.zip", folder(2))) == "dataset_too_small"


def test_a_class_without_training_images_is_refused(tmp_path):
    files = {f"train/{name}": content for name, content in folder().items()}
    assert code_of(zipped(tmp_path / "a.zip", files | {"test/cow/1.png": png()})) == "dataset_labels_invalid"


@pytest.mark.parametrize(
    "files", [{}, {"readme.txt": b"x"}, {"lonely.png": png()}, {"../cat/1.png": png(), "dog/1.png": png()}]
)
def test_a_zip_of_another_layout_is_refused(tmp_path, files):
    assert code_of(zipped(tmp_path / "a.zip", files)) == "dataset_unreadable"


def test_a_grey_image_among_colour_ones_keeps_its_pixels(tmp_path):
    files = {f"{name}/{number}.png": png(mode="RGB") for name in ("cat", "dog") for number in range(9)}
    splits = open_dataset(zipped(tmp_path / "a.zip", files | {"cat/grey.png": png(value=77)}))
    every = torch.cat([splits.train.images, splits.test.images])
    grey = every[(every == 77).flatten(1).all(dim=1)]
    assert grey.shape == (1, 3, 8, 8)


def test_images_that_would_fill_the_memory_are_refused_before_it_is_taken(tmp_path, monkeypatch):
    monkeypatch.setattr("sdb_core.datasets.pixels.MOST_PIXEL_BYTES", 20 * 3 * 64 - 1)
    assert code_of(zipped(tmp_path / "a.zip", folder())) == "dataset_unreadable"


def test_an_image_with_a_side_beyond_the_limit_is_refused(tmp_path):
    files = folder() | {"cat/wide.png": png(side=1025)}
    assert code_of(zipped(tmp_path / "a.zip", files)) == "dataset_image_unreadable"


@pytest.mark.parametrize("form", ["a.zip", "a.tar", "a.tar.gz", "a.tgz", "folder"])
def test_the_same_images_are_the_same_data_set_wherever_they_lie(tmp_path, form):
    files = {f"train/{name}": content for name, content in folder().items()}
    files |= {f"test/{name}": content for name, content in folder(2).items()}
    write = {"a.zip": zipped, "folder": on_disk}.get(form, tarred)
    assert open_dataset(write(tmp_path / form, files)).digest() == open_dataset(on_disk(tmp_path / "b", files)).digest()
