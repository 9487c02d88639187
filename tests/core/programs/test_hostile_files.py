"""Crafted `.pt2` files: refused before torch opens them, so that what they carry never runs."""

import contextlib
import io
import pickle
import zipfile
from pathlib import Path

import pytest
import torch

from sdb_core.checkpoints import load_weights, read_state_dict
from sdb_core.errors import CoreError
from sdb_core.nets.program import read_program
from tests.core.programs.making import CLASSES, SHAPE, Tiny, changed, changed_json

EXAMPLES, WEIGHTS, CONSTANTS, MODEL = (
    "data/sample_inputs/model.pt",
    "data/weights/model_weights_config.json",
    "data/constants/model_constants_config.json",
    "models/model.json",
)


class Trap:
    """What a pickle with code does when it is opened."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self):
        return exec, (f"open({str(self.target)!r}, 'w').close()",)


def code_of(content: bytes, folder: Path) -> str:
    (folder / "net.pt2").write_bytes(content)
    with pytest.raises(CoreError) as caught:
        read_program(folder / "net.pt2", num_classes=CLASSES, shape=SHAPE)
    assert caught.value.message.endswith(".")
    return caught.value.code


def with_examples(content: bytes, value: object, **options) -> bytes:
    file = io.BytesIO()
    torch.save(value, file, **options)
    return changed(content, EXAMPLES, lambda _: file.getvalue())


def with_size(content: bytes, size: str) -> bytes:
    """Every size of the graph that is not a number, written as `size`."""

    def edit(model) -> None:
        for value in model["graph_module"]["graph"]["tensor_values"].values():
            for side in value["sizes"]:
                if "as_expr" in side:
                    side["as_expr"]["expr_str"] = size

    return changed_json(content, MODEL, edit)


def pickled_weight(content: bytes, trap: Trap) -> bytes:
    content = changed_json(content, WEIGHTS, lambda c: c["config"]["conv.bias"].update(use_pickle=True))
    return changed(content, "data/weights/weight_1", lambda _: pickle.dumps(trap))


def own_constant(content: bytes, trap: Trap) -> bytes:
    entry = {"path_name": "opaque_obj_0", "is_param": False, "use_pickle": True, "tensor_meta": None}
    content = changed_json(content, CONSTANTS, lambda c: c["config"].update(thing=entry))
    return changed(content, "data/constants/opaque_obj_0", lambda _: pickle.dumps(trap))


TRAPS = {
    "example inputs": lambda content, trap: with_examples(content, ((torch.zeros(2, *SHAPE), trap), {})),
    "a size": lambda content, trap: with_size(content, f"exec({trap.__reduce__()[1][0]!r})"),
    "a weight": pickled_weight,
    "a constant": own_constant,
}


@pytest.mark.parametrize("place", TRAPS)
def test_code_in_a_program_is_refused_and_never_runs(tmp_path, tiny_bytes, place):
    trap = Trap(tmp_path / "it-ran")
    content = TRAPS[place](tiny_bytes, trap)
    assert code_of(content, tmp_path) == "checkpoint_unsafe"
    with pytest.raises(CoreError):
        read_state_dict(tmp_path / "net.pt2")
    assert not trap.target.exists()


@pytest.mark.parametrize("place", ["example inputs", "a size"])
def test_the_traps_are_real_and_torch_falls_into_them(tmp_path, tiny_bytes, place):
    trap = Trap(tmp_path / "it-ran")
    with contextlib.suppress(Exception):  # it may well stumble afterwards
        torch.export.load(io.BytesIO(TRAPS[place](tiny_bytes, trap)))
    assert trap.target.exists()


def calls(target: str):
    """An edit that lets the graph call something else where it calls relu."""

    def edit(model) -> None:
        for node in model["graph_module"]["graph"]["nodes"]:
            if node["target"] == "torch.ops.aten.relu.default":
                node["target"] = target

    return lambda content: changed_json(content, MODEL, edit)


def claims(**meta):
    """An edit that lets a tensor claim more than its bytes."""
    return lambda content: changed_json(
        content, WEIGHTS, lambda c: c["config"]["conv.bias"]["tensor_meta"].update(**meta)
    )


def flipped(content: bytes) -> bytes:
    place = content.index(b"archive_version") - 2000
    return content[:place] + bytes([content[place] ^ 0x10]) + content[place + 1 :]


def mapped_to(name: str):
    """An edit that lets two tensors of the file lie in the entry `name`."""
    return lambda content: changed_json(content, WEIGHTS, lambda c: c["config"]["conv.bias"].update(path_name=name))


TEBI = [{"as_int": 2**40}]
FILES = {
    "a flipped byte": (flipped, "checkpoint_unreadable"),
    "half a file": (lambda content: content[: len(content) // 2], "checkpoint_unreadable"),
    "no zip": (lambda _: b"nothing of the kind", "checkpoint_unreadable"),
    "an empty file": (lambda _: b"", "checkpoint_unreadable"),
    "deflated entries": (
        lambda content: changed(content, "", None, compression=zipfile.ZIP_DEFLATED),
        "checkpoint_too_large",
    ),
    "a tensor of tebibytes": (claims(sizes=TEBI, strides=[{"as_int": 1}]), "checkpoint_too_large"),
    "one number a tebi times": (claims(sizes=TEBI, strides=[{"as_int": 0}]), "checkpoint_too_large"),
    "a tensor behind its bytes": (claims(storage_offset={"as_int": 4}), "checkpoint_too_large"),
    "a negative step": (claims(strides=[{"as_int": -1}]), "checkpoint_unreadable"),
    "a tensor of no bytes": (mapped_to("weight_99"), "checkpoint_unreadable"),
    "a tensor elsewhere": (mapped_to("../../models/model.json"), "checkpoint_unreadable"),
    "an outside path": (lambda content: changed(content, "../outside", lambda _: b"x"), "checkpoint_unsafe"),
    "compiled code": (
        lambda content: changed(content, "data/aotinductor/model/net.so", lambda _: b"ELF"),
        "checkpoint_unsafe",
    ),
    "a second program": (lambda content: changed(content, "models/two.json", lambda _: b"{}"), "checkpoint_unsafe"),
    "a call of torch.hub": (calls("torch.hub.load"), "checkpoint_unsafe"),
    "a call of the system": (calls("os.system"), "checkpoint_unsafe"),
    "an operation of its own": (calls("torch.ops.theirs.relu.default"), "checkpoint_unsafe"),
    "an operation that is none": (calls("torch.ops.aten.nothing.default"), "checkpoint_unreadable"),
    "a graph that is no JSON": (lambda content: changed(content, MODEL, lambda _: b"{"), "checkpoint_unreadable"),
    "a graph nested too deep": (
        lambda content: changed(content, MODEL, lambda _: b"[" * 200_000),
        "checkpoint_unreadable",
    ),
    "examples that are objects": (lambda content: with_examples(content, torch.nn.ReLU()), "checkpoint_unsafe"),
    "examples in another form": (
        lambda content: with_examples(content, (), _use_new_zipfile_serialization=False),
        "checkpoint_unreadable",
    ),
    "a plain checkpoint": (lambda _: zipped(), "checkpoint_unsafe"),
}


def zipped() -> bytes:
    file = io.BytesIO()
    torch.save(Tiny().state_dict(), file)
    return file.getvalue()


@pytest.mark.parametrize("name", FILES)
def test_a_crafted_or_damaged_file_is_refused_with_its_code(tmp_path, tiny_bytes, name):
    edit, code = FILES[name]
    assert code_of(edit(tiny_bytes), tmp_path) == code


def test_a_file_over_the_limit_is_refused(tmp_path, tiny_bytes):
    (tmp_path / "net.pt2").write_bytes(tiny_bytes)
    with pytest.raises(CoreError) as caught:
        read_program(tmp_path / "net.pt2", num_classes=CLASSES, shape=SHAPE, limit=1000)
    assert caught.value.code == "checkpoint_too_large"


def test_a_file_of_another_name_is_no_program(tmp_path, tiny_bytes):
    (tmp_path / "net.pt").write_bytes(tiny_bytes)
    with pytest.raises(CoreError, match=r"no \.pt2 file"):
        read_program(tmp_path / "net.pt", num_classes=CLASSES, shape=SHAPE)


def test_the_weights_of_a_program_are_read_without_opening_it(tmp_path, tiny, tiny_bytes, monkeypatch):
    monkeypatch.delattr(torch.export, "load")
    (tmp_path / "net.pt2").write_bytes(tiny_bytes)
    net = Tiny()
    load_weights(tmp_path / "net.pt2", net)
    assert all(torch.equal(tensor, tiny.state_dict()[name]) for name, tensor in net.state_dict().items())
