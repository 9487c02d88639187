"""Boxes of their own bytes, and asks of them: all alike, or a few of them most of the time."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from bench.load import Request, Several
from bench.servers.networks import CLASSES

Popularity = Literal["uniform", "zipf"]
Ask = tuple[int, int]  # which box, which picture
_ASKS = 4096
_PIXELS = 3 * 32 * 32


def copies(content: bytes, count: int) -> Iterator[tuple[bytes, str]]:
    """The same network so many times, each a file of its own with its SHA-256."""
    model = onnx.load_from_string(content)
    for number in range(count):
        model.graph.doc_string = f"copy {number}"
        yield with_digest(model.SerializeToString())


def wide_network(seed: int, *, hidden: int) -> bytes:
    """An ONNX file with one hidden layer: large for what it computes. Every seed answers differently."""
    random = np.random.default_rng(seed)

    def weights(name: str, rows: int, columns: int) -> TensorProto:
        values = random.standard_normal((rows, columns), np.float32) / np.float32(np.sqrt(rows))
        return numpy_helper.from_array(values, name)

    nodes = [
        helper.make_node("Flatten", ["input"], ["flat"]),
        helper.make_node("MatMul", ["flat", "first"], ["sums"]),
        helper.make_node("Relu", ["sums"], ["hidden"]),
        helper.make_node("MatMul", ["hidden", "second"], ["logits"]),
    ]
    taken = helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", 3, 32, 32])
    given = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", CLASSES])
    parts = [weights("first", _PIXELS, hidden), weights("second", hidden, CLASSES)]
    graph = helper.make_graph(nodes, "wide", [taken], [given], initializer=parts)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    content: bytes = model.SerializeToString()
    return content


def with_digest(content: bytes) -> tuple[bytes, str]:
    return content, hashlib.sha256(content).hexdigest()


def drawn(boxes: int, pictures: int, popularity: Popularity, *, seed: int) -> list[Ask]:
    """Which box is asked about which picture. Under `zipf` the k-th box is asked in proportion to 1/k."""
    random = np.random.default_rng(seed)
    share: npt.NDArray[np.float64] = 1.0 / np.arange(1, boxes + 1)
    if popularity == "zipf":
        asked = random.choice(boxes, _ASKS, p=share / share.sum())
    else:
        asked = random.permutation(np.arange(max(_ASKS, boxes)) % boxes)
    return [
        (int(box), int(picture)) for box, picture in zip(asked, random.integers(pictures, size=len(asked)), strict=True)
    ]


def as_requests(asks: Sequence[Ask], pngs: Sequence[bytes], address: Callable[[int], str]) -> Several:
    """The requests of these asks; `address` is the path of a box's predictions."""
    return Several([Request(address(box), [pngs[picture]], "image/png") for box, picture in asks])
