"""Miniature data sets in the layouts of the large ones, made on the spot."""

import gzip
import io
import struct
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sdb_core.datasets import open_dataset
from sdb_core.errors import CoreError

Files = dict[str, bytes]


def png(*, side: int = 8, mode: str = "L", value: int = 100, form: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, (side, side), value if mode == "L" else (value, 0, 255)).save(buffer, format=form)
    return buffer.getvalue()


def folder(count: int = 10) -> Files:
    return {f"{name}/{number}.png": png(value=20 * number) for name in ("cat", "dog") for number in range(count)}


def on_disk(root: Path, files: Files) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def zipped(path: Path, files: Files) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def tarred(path: Path, files: Files, *, form: int = tarfile.USTAR_FORMAT) -> Path:
    with tarfile.open(path, "w:gz" if path.suffix in (".gz", ".tgz") else "w", format=form) as archive:
        for name, content in files.items():
            archive.addfile(member(name, size=len(content)), io.BytesIO(content))
    return path


def member(name: str, *, size: int = 0, kind: bytes = tarfile.REGTYPE) -> tarfile.TarInfo:
    about = tarfile.TarInfo(name)
    about.size, about.type = size, kind
    return about


def images(count: int, *, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 3, 32, 32), dtype=np.uint8)


def labels(count: int, classes: int) -> list[int]:
    return [number % classes for number in range(count)]


def cifar10_binary(*, classes: int = 3, each: int = 6) -> Files:
    """`cifar-10-batches-bin`: five batches and a test batch, a record is a label and 3,072 pixels."""
    names = ["airplane", "automobile", "bird"][:classes]
    files = {"readme.html": b"<html>", "batches.meta.txt": "\n".join([*names, "", ""]).encode()}
    for number, name in enumerate(["test_batch", *(f"data_batch_{number}" for number in range(1, 6))]):
        rows = zip(labels(each, classes), images(each, seed=number), strict=True)
        files[f"{name}.bin"] = b"".join(bytes([label]) + pixels.tobytes() for label, pixels in rows)
    return {f"cifar-10-batches-bin/{name}": content for name, content in files.items()}


def cifar10_python(*, classes: int = 3, each: int = 6, write: Any = None) -> Files:
    """`cifar-10-batches-py`: the same images in pickles as Python 2 wrote them."""
    write = write or python2_pickle
    meta = {b"label_names": [b"airplane", b"automobile", b"bird"][:classes], b"num_vis": 3072}
    files = {"readme.html": b"<html>", "batches.meta": write(meta)}
    for number, name in enumerate(["test_batch", *(f"data_batch_{number}" for number in range(1, 6))]):
        pixels = images(each, seed=number).reshape(each, -1)
        files[name] = write({b"batch_label": name.encode(), b"labels": labels(each, classes), b"data": pixels})
    return {f"cifar-10-batches-py/{name}": content for name, content in files.items()}


def cifar100_binary(*, train: int = 12, test: int = 6) -> Files:
    """`cifar-100-binary`: a record is a coarse label, a fine one, and 3,072 pixels."""
    files = {"fine_label_names.txt": b"apple\naquarium_fish\nbaby\n", "coarse_label_names.txt": b"fish\nfruit\n"}
    for seed, (name, count) in enumerate([("train", train), ("test", test)]):
        rows = zip(labels(count, 3), images(count, seed=seed), strict=True)
        files[f"{name}.bin"] = b"".join(bytes([19, label]) + pixels.tobytes() for label, pixels in rows)
    return {f"cifar-100-binary/{name}": content for name, content in files.items()}


def cifar100_python(*, train: int = 12, test: int = 6) -> Files:
    names = {b"fine_label_names": [b"apple", b"aquarium_fish", b"baby"], b"coarse_label_names": [b"fish", b"fruit"]}
    files = {"meta": python2_pickle(names), "file.txt~": b""}
    for seed, (name, count) in enumerate([("train", train), ("test", test)]):
        pixels = images(count, seed=seed).reshape(count, -1)
        batch = {b"filenames": [b"x.png"] * count, b"fine_labels": labels(count, 3), b"coarse_labels": [19] * count}
        files[name] = python2_pickle(batch | {b"data": pixels})
    return {f"cifar-100-python/{name}": content for name, content in files.items()}


def tiny_imagenet(*, each: int = 6) -> Files:
    """`tiny-imagenet-200` with two classes of 64x64 images, one of them grey."""
    files, lines = {}, []
    for value, wnid in enumerate(["n02", "n01"]):
        for number in range(each):
            grey = png(side=64, value=40 * number, form="JPEG")
            colour = png(side=64, mode="RGB", value=60 * value, form="JPEG")
            files[f"train/{wnid}/images/{wnid}_{number}.JPEG"] = grey if number == 0 else colour
        files[f"train/{wnid}/{wnid}_boxes.txt"] = b""
        files[f"val/images/val_{value}.JPEG"] = png(side=64, mode="RGB", value=60 * value, form="JPEG")
        lines.append(f"val_{value}.JPEG\t{wnid}\t0\t0\t62\t62\n")
    files["test/images/test_0.JPEG"] = png(side=64, mode="RGB", form="JPEG")
    files["val/val_annotations.txt"] = "".join(lines).encode()
    files["words.txt"] = b"n01\tgoldfish, Carassius auratus\nn02\tfire salamander\nn03\tother\n"
    return {f"tiny-imagenet-200/{name}": content for name, content in files.items()}


def python2_pickle(value: Any) -> bytes:
    """What Python 2's cPickle wrote at protocol 2 for dicts, lists, texts, numbers and byte arrays."""
    return b"\x80\x02" + _pickled(value) + b"."


def _pickled(value: Any) -> bytes:
    if isinstance(value, dict):
        return b"}(" + b"".join(_pickled(key) + _pickled(inner) for key, inner in value.items()) + b"u"
    if isinstance(value, list):
        return b"](" + b"".join(map(_pickled, value)) + b"e"
    if isinstance(value, bytes):
        short = len(value) < 256
        return (b"U" + bytes([len(value)]) if short else b"T" + struct.pack("<i", len(value))) + value + b"q\x01"
    if isinstance(value, int):
        return b"K" + bytes([value]) if value < 256 else b"M" + struct.pack("<H", value)
    rows, columns = value.shape
    made = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
    dtype = b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    return (
        made
        + b"(K\x01"
        + _pickled(rows)
        + _pickled(columns)
        + b"\x86"
        + dtype
        + b"\x89"
        + _pickled(value.tobytes())
        + b"tb"
    )


def code_of(path: Path) -> str:
    """The code with which a data set is refused, after a look that the message ends as a sentence."""
    with pytest.raises(CoreError) as caught:
        open_dataset(path)
    assert caught.value.message.endswith(".")
    return caught.value.code


def unzipped(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes())
