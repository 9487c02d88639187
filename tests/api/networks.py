"""A small real network as ONNX, and pictures for it."""

import hashlib
import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

CLASSES = 10
INPUT: dict[str, Any] = {"channels": 3, "height": 8, "width": 8, "mean": [0.4, 0.5, 0.6], "std": [0.2, 0.25, 0.3]}
NPY = "application/x-npy"


@dataclass(frozen=True)
class Network:
    """The bytes of an ONNX file, and what it answers."""

    content: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    def logits(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Logits [N, K] for pixels [N, H, W, C], by onnxruntime directly and a normalisation of our own."""
        return self.run(normalised(pixels))

    def run(self, batch: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        session = ort.InferenceSession(self.content, providers=["CPUExecutionProvider"])
        found: npt.NDArray[np.float32] = session.run(None, {"input": batch})[0]
        return found


def random_network(seed: int = 0, *, side: int = 8) -> Network:
    """Two layers with random weights, [N, 3, side, side] to [N, 10]."""
    random = np.random.default_rng(seed)
    wide = (random.normal(size=(3 * side * side, 32)) / side).astype(np.float32)
    narrow = (random.normal(size=(32, CLASSES)) / 2).astype(np.float32)
    nodes = [
        helper.make_node("Flatten", ["input"], ["flat"]),
        helper.make_node("MatMul", ["flat", "wide"], ["hidden"]),
        helper.make_node("Relu", ["hidden"], ["active"]),
        helper.make_node("MatMul", ["active", "narrow"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", 3, side, side])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", CLASSES])],
        [numpy_helper.from_array(wide, "wide"), numpy_helper.from_array(narrow, "narrow")],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    content: bytes = made.SerializeToString()
    return Network(content)


def random_pixels(count: int = 1, *, seed: int = 1) -> npt.NDArray[np.uint8]:
    """Pixels [N, 8, 8, 3]."""
    return np.random.default_rng(seed).integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)


def normalised(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """[N, H, W, C] in 0..255 as [N, C, H, W] in the space of INPUT: (x / 255 - mean) / std, channel by channel."""
    found = np.empty((len(pixels), 3, *pixels.shape[1:3]), np.float32)
    for channel in range(3):
        unit = pixels[..., channel].astype(np.float32) / np.float32(255)
        found[:, channel] = (unit - np.float32(INPUT["mean"][channel])) / np.float32(INPUT["std"][channel])
    return found


def as_npy(array: npt.NDArray[Any]) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def as_image(pixels: npt.NDArray[np.uint8], kind: str, **options: Any) -> bytes:
    """One picture [H, W, C] as a PNG, JPEG or GIF file."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


def softmax(logits: npt.NDArray[np.float32], temperature: float = 1.0) -> npt.NDArray[np.float64]:
    scaled = np.exp(logits.astype(np.float64) / temperature)
    return np.asarray(scaled / scaled.sum(axis=1, keepdims=True))
