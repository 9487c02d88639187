"""Good data sets open; each bad one is refused with its code and, where a file is at fault, its name."""

import io
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sdb_core.datasets import LabelledImages, Splits, open_dataset, stratified_split
from sdb_core.errors import CoreError
from sdb_core.nets import Architecture


def png(*, side: int = 8, mode: str = "L", value: int = 100) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, (side, side), value if mode == "L" else (value, 0, 255)).save(buffer, format="PNG")
    return buffer.getvalue()


def packed(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def folder(count: int = 10, **more: bytes) -> dict[str, bytes]:
    return {f"{name}/{number}.png": png(value=20 * number) for name in ("cat", "dog") for number in range(count)} | more


def code_of(path: Path) -> str:
    with pytest.raises(CoreError) as caught:
        open_dataset(path)
    assert caught.value.message.endswith(".")
    return caught.value.code


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


def test_folders_without_a_test_part_give_a_fifth_of_each_class(tmp_path):
    splits = open_dataset(packed(tmp_path / "a.zip", folder()))
    assert splits.train.class_names == ("cat", "dog")
    assert torch.bincount(splits.train.labels).tolist() == [8, 8]
    assert torch.bincount(splits.test.labels).tolist() == [2, 2]


@pytest.mark.parametrize("held_out", ["test", "val"])
def test_folders_with_parts_keep_them(tmp_path, held_out):
    files = {f"train/{name}": content for name, content in folder().items()}
    files |= {f"{held_out}/{name}": content for name, content in folder(2).items()}
    splits = open_dataset(packed(tmp_path / "a.zip", files))
    assert (len(splits.train), len(splits.test)) == (20, 4)


def test_an_outer_folder_and_a_macs_own_files_are_overlooked(tmp_path):
    files = {f"pets/{name}": content for name, content in folder().items()}
    splits = open_dataset(
        packed(tmp_path / "a.zip", files | {"__MACOSX/pets/cat/._0.png": b"x", "pets/.DS_Store": b"x"})
    )
    assert splits.train.class_names == ("cat", "dog")


def test_one_colour_image_makes_all_colour(tmp_path):
    splits = open_dataset(packed(tmp_path / "a.zip", folder() | {"cat/rgb.png": png(mode="RGB")}))
    assert splits.shape == (3, 8, 8)


def test_images_are_converted_to_the_shape_asked_for(tmp_path):
    files = folder() | {"cat/large.png": png(side=20)}
    splits = open_dataset(packed(tmp_path / "a.zip", files), channels=3, size=(16, 12))
    assert splits.shape == (3, 16, 12)


def test_an_unreadable_image_is_named(tmp_path):
    path = packed(tmp_path / "a.zip", folder() | {"cat/broken.png": png()[:40]})
    with pytest.raises(CoreError, match=r"cat/broken\.png") as caught:
        open_dataset(path)
    assert caught.value.code == "dataset_image_unreadable"


def test_an_image_of_a_format_outside_the_list_is_refused(tmp_path):
    buffer = io.BytesIO()
    Image.new("L", (8, 8)).save(buffer, format="TIFF")
    assert (
        code_of(packed(tmp_path / "a.zip", folder() | {"cat/x.png": buffer.getvalue()})) == "dataset_image_unreadable"
    )


def test_mixed_sizes_are_refused(tmp_path):
    assert code_of(packed(tmp_path / "a.zip", folder() | {"cat/x.png": png(side=9)})) == "dataset_shape_mixed"


def test_one_class_is_refused(tmp_path):
    files = {f"cat/{number}.png": png() for number in range(20)}
    assert code_of(packed(tmp_path / "a.zip", files)) == "dataset_one_class"


def test_few_images_are_refused(tmp_path):
    assert code_of(packed(tmp_path / "a.zip", folder(2))) == "dataset_too_small"


def test_a_class_without_training_images_is_refused(tmp_path):
    files = {f"train/{name}": content for name, content in folder().items()}
    assert code_of(packed(tmp_path / "a.zip", files | {"test/cow/1.png": png()})) == "dataset_labels_invalid"


@pytest.mark.parametrize(
    "files", [{}, {"readme.txt": b"x"}, {"lonely.png": png()}, {"../cat/1.png": png(), "dog/1.png": png()}]
)
def test_a_zip_of_another_layout_is_refused(tmp_path, files):
    assert code_of(packed(tmp_path / "a.zip", files)) == "dataset_unreadable"


def test_a_zip_that_unpacks_to_gigabytes_is_refused_unread(tmp_path, monkeypatch):
    monkeypatch.setattr("sdb_core.datasets.image_folder.MOST_BYTES", 1000)
    assert code_of(packed(tmp_path / "a.zip", folder())) == "dataset_unreadable"


def test_no_zip_at_all_is_refused(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"PK nonsense")
    assert code_of(tmp_path / "a.zip") == "dataset_unreadable"


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
    packed(tmp_path / "a.npz", {"images.npy": entry, "labels.npy": entry})
    assert code_of(tmp_path / "a.npz") == "dataset_unreadable"


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
