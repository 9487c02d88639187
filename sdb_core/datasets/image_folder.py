"""A zip of image folders: `train/CLASS/x.png` and `test/CLASS/x.png` (or `val/`), or `CLASS/x.png` alone."""

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from sdb_core.datasets.images import LabelledImages, Splits, stratified_split
from sdb_core.errors import DatasetImageUnreadable, DatasetOneClass, DatasetShapeMixed, DatasetUnreadable

MOST_IMAGES = 200_000
MOST_BYTES = 4 << 30
MOST_IMAGE_BYTES = 16 << 20
MOST_SIDE = 1024
_FORMATS = ("PNG", "JPEG", "BMP", "WEBP")
_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp")
_TEST_FOLDERS = ("test", "val", "valid", "validation")
_GREY = ("1", "L", "LA", "I;16", "I")
_SPLIT_SHARE, _SPLIT_SEED = 0.2, 0


@dataclass(frozen=True)
class _Entry:
    part: str  # "train", "test" or "" where the data set comes unsplit
    name: str
    where: zipfile.ZipInfo


def load_image_folder_zip(path: Path, *, channels: int | None = None, size: tuple[int, int] | None = None) -> Splits:
    """Read a zip of images (PNG, JPEG, BMP, WEBP).

    Without a test folder a fifth of each class is split off, always the same. `channels` (1 or 3) and `size`
    (height, width) convert the images; otherwise all must share one size, and are grey only if all are.
    Raises DatasetUnreadable, DatasetImageUnreadable (names the file), DatasetShapeMixed, and what Splits raises.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = _entries(archive)
            arrays = [_decoded(archive, entry, channels=channels, size=size) for entry in entries]
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError) as error:
        raise DatasetUnreadable(f"{path.name} is no readable zip; pack the image folders again.") from error
    return _splits(entries, arrays)


def _entries(archive: zipfile.ZipFile) -> list[_Entry]:
    infos = [info for info in archive.infolist() if not info.is_dir()]
    if len(infos) > MOST_IMAGES or sum(info.file_size for info in infos) > MOST_BYTES:
        raise DatasetUnreadable(
            f"The zip unpacks to more than {MOST_IMAGES:,} files or {MOST_BYTES >> 30} GiB; upload a smaller data set."
        )
    found = []
    for info in sorted(infos, key=lambda info: info.filename):
        where = PurePosixPath(info.filename)
        if where.is_absolute() or ".." in where.parts:
            raise DatasetUnreadable("The zip holds a path that leads outside; pack the image folders again.")
        if where.suffix.lower() in _SUFFIXES and not _is_hidden(where):
            found.append((where.parts, info))
    if not found:
        raise DatasetUnreadable("The zip holds no images; pack folders CLASS/image.png or train/CLASS/image.png.")
    return _arranged(found)


def _is_hidden(where: PurePosixPath) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in where.parts)


def _arranged(found: list[tuple[tuple[str, ...], zipfile.ZipInfo]]) -> list[_Entry]:
    """Drop a common outer folder, then read part and class from the path."""
    if len({parts[0] for parts, _ in found}) == 1 and min(len(parts) for parts, _ in found) >= 3:
        inner_test = any(parts[0].lower() in ("train", *_TEST_FOLDERS) for parts, _ in found)
        found = found if inner_test else [(parts[1:], info) for parts, info in found]
    split = all(parts[0].lower() in ("train", *_TEST_FOLDERS) for parts, _ in found)
    entries = []
    for parts, info in found:
        if len(parts) != (3 if split else 2):
            raise DatasetUnreadable(
                f"{info.filename} is in no class folder; pack CLASS/image.png, "
                "or train/CLASS/image.png and test/CLASS/image.png."
            )
        part = ("train" if parts[0].lower() == "train" else "test") if split else ""
        entries.append(_Entry(part, parts[-2], info))
    return entries


def _decoded(
    archive: zipfile.ZipFile, entry: _Entry, *, channels: int | None, size: tuple[int, int] | None
) -> NDArray[np.uint8]:
    """One image as uint8 [H, W, 1 or 3]."""
    name = entry.where.filename
    if entry.where.file_size > MOST_IMAGE_BYTES:
        raise DatasetImageUnreadable(f"{name} has more than {MOST_IMAGE_BYTES >> 20} MiB; make it smaller.")
    try:
        image: Image.Image = Image.open(io.BytesIO(archive.read(entry.where)), formats=_FORMATS)
        if max(image.size) > MOST_SIDE:
            raise DatasetImageUnreadable(f"{name} is {image.width}x{image.height}; sides may have {MOST_SIDE} pixels.")
        grey = channels == 1 if channels is not None else image.mode in _GREY
        image = image.convert("L" if grey else "RGB")
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DatasetImageUnreadable(f"{name} cannot be decoded as an image; replace or remove it.") from error
    if size is not None and (image.height, image.width) != size:
        image = image.resize((size[1], size[0]), Image.Resampling.BILINEAR)
    pixels = np.asarray(image, dtype=np.uint8)
    return pixels.reshape(*pixels.shape[:2], -1)


def _splits(entries: list[_Entry], arrays: list[NDArray[np.uint8]]) -> Splits:
    names = tuple(sorted({entry.name for entry in entries}))
    if len(names) < 2:
        raise DatasetOneClass(f"All images are of the class {names[0]!r}; a classifier needs at least two classes.")
    for entry, pixels in zip(entries, arrays, strict=True):
        if pixels.shape[:2] != arrays[0].shape[:2]:
            raise DatasetShapeMixed(
                f"{entry.where.filename} is {pixels.shape[1]}x{pixels.shape[0]}, others are "
                f"{arrays[0].shape[1]}x{arrays[0].shape[0]}; resize all images to one size."
            )
    widest = max(pixels.shape[2] for pixels in arrays)
    stacked = np.stack([np.broadcast_to(pixels, (*pixels.shape[:2], widest)) for pixels in arrays])
    images = torch.from_numpy(stacked).permute(0, 3, 1, 2).contiguous()  # [N, C, H, W]
    labels = torch.tensor([names.index(entry.name) for entry in entries], dtype=torch.int64)
    every = LabelledImages(images, labels, names)
    if entries[0].part == "":
        return Splits(*stratified_split(every, share=_SPLIT_SHARE, seed=_SPLIT_SEED))
    in_train = torch.tensor([entry.part == "train" for entry in entries])
    return Splits(
        train=every.take(torch.nonzero(in_train).flatten()), test=every.take(torch.nonzero(~in_train).flatten())
    )
