"""Folders of images: `train/CLASS/x.png` and `test/CLASS/x.png` (or `val/`), or `CLASS/x.png` alone."""

from dataclasses import dataclass

import torch

from sdb_core.datasets.contents import Contents, File
from sdb_core.datasets.images import LabelledImages, Splits, without_test_part
from sdb_core.datasets.pixels import Encoded, Shape, stacked
from sdb_core.errors import DatasetOneClass, DatasetUnreadable

_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp")
_TEST_FOLDERS = ("test", "val", "valid", "validation")


@dataclass(frozen=True)
class _Entry:
    part: str  # "train", "test" or "" where the data set comes unsplit
    name: str
    file: File


def load_image_folder(contents: Contents, *, shape: Shape) -> Splits:
    """Read images (PNG, JPEG, BMP, WEBP) whose folders name their classes.

    Without a test folder a fifth of each class is split off, always the same. `shape` converts the images; otherwise
    all must share one size, and are grey only if all are.
    Raises DatasetUnreadable, DatasetImageUnreadable (names the file), DatasetShapeMixed, and what Splits raises.
    """
    entries = _entries(contents)
    names = tuple(sorted({entry.name for entry in entries}))
    if len(names) < 2:
        raise DatasetOneClass(f"All images are of the class {names[0]!r}; a classifier needs at least two classes.")
    forward = sorted(enumerate(entries), key=lambda numbered: numbered[1].file.place)
    encoded = (Encoded(row, str(entry.file.path), contents.read(entry.file)) for row, entry in forward)
    images = stacked(encoded, count=len(entries), shape=shape)
    number = {name: label for label, name in enumerate(names)}
    every = LabelledImages(images, torch.tensor([number[entry.name] for entry in entries]), names)
    if entries[0].part == "":
        return without_test_part(every)
    in_train = torch.tensor([entry.part == "train" for entry in entries])
    return Splits(
        train=every.take(torch.nonzero(in_train).flatten()), test=every.take(torch.nonzero(~in_train).flatten())
    )


def _entries(contents: Contents) -> list[_Entry]:
    """What each image is, from its path, in the order of paths; a common outer folder is dropped."""
    images = [file for file in contents.files if file.path.suffix.lower() in _SUFFIXES]
    if not images:
        raise DatasetUnreadable(
            f"{contents.name} holds no images; give folders CLASS/image.png, or train/CLASS/image.png."
        )
    found = [(file.path.parts, file) for file in sorted(images, key=lambda file: str(file.path))]
    if len({parts[0] for parts, _ in found}) == 1 and min(len(parts) for parts, _ in found) >= 3:
        found = found if _is_part(found[0][0][0]) else [(parts[1:], file) for parts, file in found]
    split = all(_is_part(parts[0]) for parts, _ in found)
    entries = []
    for parts, file in found:
        if len(parts) != (3 if split else 2):
            raise DatasetUnreadable(
                f"{file.path} is in no class folder; give CLASS/image.png, "
                "or train/CLASS/image.png and test/CLASS/image.png."
            )
        part = ("train" if parts[0].lower() == "train" else "test") if split else ""
        entries.append(_Entry(part, parts[-2], file))
    return entries


def _is_part(folder: str) -> bool:
    return folder.lower() in ("train", *_TEST_FOLDERS)
