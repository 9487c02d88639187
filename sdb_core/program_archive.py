"""What is checked of a hostile `.pt2` file before torch opens it, and its weights, read without running anything.

Attacks: what a `.pt` allows (`sdb_core.checkpoint_checks`), and code in its many other places: pickled weights,
constants and example inputs, sizes that are evaluated as Python, calls of anything below `torch`, compiled libraries.
The known ones are refused here; `torch.export.load` was not made for strangers' files, so this is no promise that there
are no others.
"""

import io
import json
import math
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sdb_core.checkpoint_checks import check_entries, check_zip_stream, opened_zip
from sdb_core.errors import ArchitectureRefused, CheckpointTooLarge, CheckpointUnreadable, CheckpointUnsafe

EXPORT_AGAIN = "export it again with torch.export.export and torch.export.save of PyTorch 2.10 or later"
_MOST_JSON_BYTES = 256 << 20
_MODEL = "models/model.json"
_EXAMPLES = "data/sample_inputs/model.pt"
_CONFIG = "data/{0}/model_{0}_config.json"
_KINDS = ("weights", "constants")
_MOST_SHARING = 4  # how often the tensors may cover the file: tied weights do, bombs do it a thousand times
_PLAIN = re.compile(
    r"models/model\.json|archive_format|archive_version|byteorder|version|\.data/\w+|extra/.*"
    r"|data/sample_inputs/model\.pt|data/(weights|constants)/(model_\1_config\.json|(weight|tensor)_\d+)"
)
_DTYPES = {
    1: torch.uint8, 2: torch.int8, 3: torch.int16, 4: torch.int32, 5: torch.int64, 6: torch.float16,
    7: torch.float32, 8: torch.float64, 12: torch.bool, 13: torch.bfloat16,
}  # fmt: skip
_CALLS = re.compile(r"torch\.ops\.(aten|prims|torchvision)\.\w+(\.\w+)?|_operator\.\w+|math\.\w+|torch\.sym_\w+")
# Sizes are written as calls of sympy, and sympy evaluates them: these names and no attributes.
_SYMPY = (
    "Symbol|Integer|Rational|Float|Add|Mul|Pow|Max|Min|Mod|PythonMod|FloorDiv|CleanDiv|CeilDiv|ModularIndexing|Where"
    "|CeilToInt|FloorToInt|TruncToInt|TruncToFloat|RoundToInt|ToFloat|IntTrueDiv|FloatTrueDiv|PowByNatural|Identity"
    "|Equality|Unequality|Eq|Ne|GreaterThan|LessThan|StrictGreaterThan|StrictLessThan|And|Or|Not|true|false|True|False"
    "|positive|nonnegative|integer|real|oo|int_oo"
)
_SIZE = re.compile(rf"(?:\b(?:{_SYMPY}|[suz][a-z]*\d+)\b|'[a-z]+\d+'|\d+|[-+*/%(),=<> ])*+")


@dataclass(frozen=True)
class _Record:
    """Where one tensor of the file lies: its entry, and how the entry's bytes are read."""

    entry: str
    dtype: torch.dtype
    sizes: list[int]
    strides: list[int]
    offset: int

    @property
    def reach(self) -> int:
        """How many numbers of the entry the tensor reaches over."""
        if 0 in self.sizes:
            return 0
        return self.offset + sum((size - 1) * step for size, step in zip(self.sizes, self.strides, strict=True)) + 1


@dataclass(frozen=True)
class _Archive:
    """An opened archive whose entries were checked: the folder they all lie in, and the size of each."""

    zip: zipfile.ZipFile
    root: str
    held: dict[str, int]

    def read(self, name: str) -> bytes:
        """An entry's bytes; `name` without the folder that all share."""
        return self.zip.read(self.root + name)


def check_archive(path: Path) -> None:
    """Raise a CheckpointError unless the file is one program's archive, whole, as large as it says, without known code.

    Raises ArchitectureRefused for a graph that calls what no box can be made of.
    """
    with _opened(path) as archive:
        _checked_records(archive)


def read_weights(path: Path) -> dict[str, Tensor]:
    """The state dict of a `.pt2` file, on the CPU. Nothing in the file is run. Raises what `check_archive` raises."""
    found = {}
    with _opened(path) as archive:
        for name, record in _checked_records(archive)["weights"].items():
            content = bytearray(archive.read(record.entry))
            flat = torch.frombuffer(content, dtype=record.dtype) if content else torch.empty(0, dtype=record.dtype)
            found[name] = torch.as_strided(flat, record.sizes, record.strides, record.offset).clone()
    return found


def read_examples(path: Path) -> bytes:
    """The example inputs of a `.pt2` file: bytes that torch.save wrote, or somebody else."""
    with _opened(path) as archive:
        return archive.read(_EXAMPLES)


@contextmanager
def _opened(path: Path) -> Iterator[_Archive]:
    size = path.stat().st_size
    with path.open("rb") as stream, opened_zip(stream, cure=EXPORT_AGAIN) as opened:
        held = check_entries(opened, size=size, cure=EXPORT_AGAIN)
        root = next(iter(held), "").partition("/")[0] + "/"
        for name in held:
            if not (name.startswith(root) and _PLAIN.fullmatch(name.removeprefix(root))):
                raise CheckpointUnsafe(
                    f"The program holds {name[:80]}, which is neither its graph nor a tensor; {EXPORT_AGAIN}."
                )
        needed = (_MODEL, _EXAMPLES, *(_CONFIG.format(kind) for kind in _KINDS))
        if any(root + name not in held for name in needed):
            raise CheckpointUnreadable(f"The file is no exported program, or one of an old PyTorch; {EXPORT_AGAIN}.")
        yield _Archive(opened, root, held)


def _checked_records(archive: _Archive) -> dict[str, dict[str, _Record]]:
    """Where the weights and constants lie, after all else was looked at."""
    examples = archive.read(_EXAMPLES)
    check_zip_stream(io.BytesIO(examples), size=len(examples))
    _check_model(_json(archive, _MODEL))
    found = {kind: dict(_records(archive, kind)) for kind in _KINDS}
    for records in found.values():
        claims = {name: max(math.prod(r.sizes), r.reach) * r.dtype.itemsize for name, r in records.items()}
        for name, claimed in claims.items():
            held = archive.held[archive.root + records[name].entry]
            if claimed > held:
                raise CheckpointTooLarge(
                    f"The tensor {name} claims {claimed:,} bytes, the file has {held:,}; {EXPORT_AGAIN}."
                )
        if sum(claims.values()) > _MOST_SHARING * sum(archive.held.values()):
            raise CheckpointTooLarge(f"The program's tensors share their bytes too often; {EXPORT_AGAIN}.")
    return found


def _json(archive: _Archive, name: str) -> Any:
    if archive.held[archive.root + name] > _MOST_JSON_BYTES:
        raise CheckpointTooLarge(f"The program's {name} is over {_MOST_JSON_BYTES:,} bytes; export a smaller network.")
    try:
        return json.loads(archive.read(name))
    except (ValueError, RecursionError) as error:
        raise CheckpointUnreadable(f"The program's {name} cannot be read; {EXPORT_AGAIN}.") from error


def _records(archive: _Archive, kind: str) -> Iterator[tuple[str, _Record]]:
    """Name and place of each tensor. Raises CheckpointUnsafe for pickled ones."""
    try:
        for name, entry in _json(archive, _CONFIG.format(kind))["config"].items():
            if entry["use_pickle"] is not False or entry["tensor_meta"] is None:
                raise CheckpointUnsafe(f"The program holds {name} as a Python object; {EXPORT_AGAIN}.")
            meta = entry["tensor_meta"]
            record = _Record(
                entry=f"data/{kind}/{entry['path_name']}",
                dtype=_DTYPES[meta["dtype"]],
                sizes=[_whole(side) for side in meta["sizes"]],
                strides=[_whole(step) for step in meta["strides"]],
                offset=_whole(meta["storage_offset"]),
            )
            if archive.root + record.entry not in archive.held or len(record.sizes) != len(record.strides):
                raise CheckpointUnreadable(f"The program lacks the bytes of {name}; upload it again.")
            yield str(name), record
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise CheckpointUnreadable(f"The program's index of {kind} cannot be read; {EXPORT_AGAIN}.") from error


def _whole(value: dict[str, int]) -> int:
    number = value["as_int"]
    if type(number) is not int or number < 0:
        raise ValueError(number)
    return number


def _check_model(model: Any) -> None:
    """Refuse sizes that are more than arithmetic, and calls of anything but tensor operations."""
    waiting = [model]
    while waiting:
        item = waiting.pop()
        if isinstance(item, list):
            waiting.extend(item)
        elif isinstance(item, dict):
            waiting.extend(item.values())
            size, target = item.get("expr_str"), item.get("target")
            if size is not None and not (isinstance(size, str) and _SIZE.fullmatch(size)):
                raise CheckpointUnsafe(f"The program's sizes are more than arithmetic; {EXPORT_AGAIN}.")
            if target is not None and ("inputs" in item or "outputs" in item):
                _check_call(str(target))


def _check_call(target: str) -> None:
    if target.startswith("torch.ops.higher_order."):
        raise ArchitectureRefused(
            f"The program has a block of its own ({target.rpartition('.')[2]}: a condition, a loop, no_grad or "
            "autocast); take it out of forward and export again."
        )
    if not _CALLS.fullmatch(target):
        raise CheckpointUnsafe(f"The program calls {target[:80]}; use operations of torch alone and {EXPORT_AGAIN}.")
