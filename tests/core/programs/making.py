"""Small networks, exported on the spot the way a provider would."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sdb_core.nets.program import Program, read_program

SHAPE, CLASSES = (1, 8, 8), 3


class Tiny(nn.Module):
    """Convolutions, batch norm, both dropouts and a flattening view: what a small classifier has."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 6, 3, padding=1)
        self.norm = nn.BatchNorm2d(6)
        self.spatial_dropout = nn.Dropout2d(0.2)
        self.deep = nn.Sequential(nn.Conv2d(6, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6), nn.ReLU(inplace=True))
        self.dropout = nn.Dropout(0.3)
        self.head = nn.Linear(6 * 16, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = self.spatial_dropout(torch.relu(self.norm(self.conv(x))))
        x = nn.functional.max_pool2d(self.deep(x), 2)
        return self.head(self.dropout(x.view(x.shape[0], -1)))


def used(net: nn.Module, shape: tuple[int, int, int] = SHAPE) -> nn.Module:
    """The net with statistics of its own, in eval mode."""
    with torch.no_grad():
        net.train()(torch.randn(16, *shape))
    return net.eval()


def exported(net: nn.Module, *examples: Tensor, fixed: bool = False) -> torch.export.ExportedProgram:
    """Captured in the mode the net is in; with a dynamic batch unless `fixed`."""
    examples = examples or (torch.zeros(2, *SHAPE),)
    batch = None if fixed else tuple({0: torch.export.Dim("batch")} for _ in examples)
    return torch.export.export(net, examples, dynamic_shapes=batch)


def program_bytes(net: nn.Module) -> bytes:
    """What a provider uploads."""
    return saved(exported(net))


def saved(program: torch.export.ExportedProgram) -> bytes:
    file = io.BytesIO()
    torch.export.save(program, file)
    return file.getvalue()


def opened(program: torch.export.ExportedProgram, folder: Path, **sizes: Any) -> Program:
    """The program, by way of a file."""
    (folder / "net.pt2").write_bytes(saved(program))
    return read_program(folder / "net.pt2", **({"num_classes": CLASSES, "shape": SHAPE} | sizes))


def provider_net(program: torch.export.ExportedProgram, folder: Path, **sizes: Any) -> nn.Module:
    """The program as a net, with the weights that its file carries."""
    return opened(program, folder, **sizes).template


def changed(content: bytes, name: str, edit: Callable[[bytes], bytes] | None, *, compression: int = 0) -> bytes:
    """The archive with the entry that ends in `name` edited (or added, where there is none)."""
    file, found = io.BytesIO(), False
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(file, "w", compression) as new:
        for info in old.infolist():
            entry = old.read(info)
            if edit is not None and info.filename.endswith(name):
                entry, found = edit(entry), True
            new.writestr(info.filename, entry)
        if edit is not None and not found:
            root = old.infolist()[0].filename.partition("/")[0]
            new.writestr(f"{root}/{name}", edit(b""))
    return file.getvalue()


def changed_json(content: bytes, name: str, edit: Callable[[Any], None]) -> bytes:
    """The archive with one of its JSON entries edited in place."""

    def rewrite(entry: bytes) -> bytes:
        value = json.loads(entry)
        edit(value)
        return json.dumps(value).encode()

    return changed(content, name, rewrite)
