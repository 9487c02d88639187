"""Tiny-ImageNet from its usual folder: `train/WNID/images/x.JPEG`, `val/images/x.JPEG`, `val/val_annotations.txt`."""

from collections import Counter
from pathlib import PurePosixPath

import torch

from sdb_core.datasets.contents import Contents, File
from sdb_core.datasets.images import LabelledImages, Splits
from sdb_core.datasets.pixels import Encoded, Shape, stacked
from sdb_core.errors import DatasetLabelsInvalid, DatasetUnreadable

MOST_TEXT_BYTES = 16 << 20
_ANNOTATIONS, _WORDS = "val/val_annotations.txt", "words.txt"
_Labelled = list[tuple[File, str]]  # images and their classes' WordNet ids


def is_tiny_imagenet(contents: Contents) -> bool:
    """Whether `val/val_annotations.txt` lies here, with or without the folder `tiny-imagenet-200` around it."""
    return _root(contents) is not None


def load_tiny_imagenet(contents: Contents, *, shape: Shape) -> Splits:
    """Train on `train`, be judged on `val` (the labels of `test` were never published).

    The classes are numbered in the order of their WordNet ids, as torchvision's ImageFolder does, and named by the
    first word that `words.txt` has for them. Grey images become colour unless `shape` says otherwise.
    Raises DatasetUnreadable, DatasetLabelsInvalid, DatasetImageUnreadable (names the file), and what Splits raises.
    """
    root = _root(contents)
    if root is None:
        raise DatasetUnreadable(
            f"{contents.name} holds no {_ANNOTATIONS}; give tiny-imagenet-200 as it was downloaded."
        )
    files = {file.path.relative_to(root): file for file in contents.files if file.path.is_relative_to(root)}
    train = _train(files)
    test = _test(files, _text(contents, files[PurePosixPath(_ANNOTATIONS)]))
    ids = sorted({wnid for _, wnid in train})
    if unknown := {wnid for _, wnid in test} - set(ids):
        raise DatasetLabelsInvalid(f"{_ANNOTATIONS} names {min(unknown)}, which no training folder has; add it.")
    names = _class_names(ids, contents, files.get(PurePosixPath(_WORDS)))
    shape = Shape(channels=shape.channels or 3, size=shape.size)
    number = {wnid: label for label, wnid in enumerate(ids)}
    parts = []
    for part in (train, test):
        labels = torch.tensor([number[wnid] for _, wnid in part], dtype=torch.int64)
        forward = sorted(enumerate(part), key=lambda numbered: numbered[1][0].place)
        encoded = (Encoded(row, str(file.path), contents.read(file)) for row, (file, _) in forward)
        parts.append(LabelledImages(stacked(encoded, count=len(part), shape=shape), labels, names))
    return Splits(*parts)


def _root(contents: Contents) -> PurePosixPath | None:
    found = [file.path for file in contents.files if file.path.match(_ANNOTATIONS)]
    return found[0].parent.parent if found else None


def _train(files: dict[PurePosixPath, File]) -> _Labelled:
    """The images at `train/WNID/images/`, by class and name."""
    inner = [(file, path.parts) for path, file in files.items() if path.match("train/*/images/*.JPEG")]
    found = [(file, parts[1]) for file, parts in inner if len(parts) == 4]
    if not found:
        raise DatasetUnreadable("There is no train/WNID/images/x.JPEG; give tiny-imagenet-200 as it was downloaded.")
    return sorted(found, key=lambda labelled: str(labelled[0].path))


def _test(files: dict[PurePosixPath, File], annotations: str) -> _Labelled:
    """The images that the annotations name: a line is an image, its class and a box, with tabs between."""
    found = []
    for line in annotations.splitlines():
        name, _, rest = line.partition("\t")
        wnid, file = rest.partition("\t")[0].strip(), files.get(PurePosixPath("val/images") / name)
        if not wnid or file is None:
            raise DatasetUnreadable(f"{_ANNOTATIONS} names {name[:80]!r}, which is not in val/images; unpack it again.")
        found.append((file, wnid))
    return found


def _class_names(ids: list[str], contents: Contents, words: File | None) -> tuple[str, ...]:
    """The first word for each class; those that share one keep their id beside it."""
    first = {}
    for line in _text(contents, words).splitlines() if words is not None else ():
        wnid, _, text = line.partition("\t")
        first[wnid] = text.partition(",")[0].strip()
    names = [first.get(wnid) or wnid for wnid in ids]
    often = Counter(names)
    return tuple(name if often[name] == 1 else f"{name} ({wnid})" for name, wnid in zip(names, ids, strict=True))


def _text(contents: Contents, file: File) -> str:
    if file.size > MOST_TEXT_BYTES:
        raise DatasetUnreadable(f"{file.path} has more than {MOST_TEXT_BYTES >> 20} MiB; unpack Tiny-ImageNet again.")
    return contents.read(file).decode("utf-8", errors="replace")
