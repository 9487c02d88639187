"""A box in int8: its ONNX export with weights and activations of eight bits, calibrated on training images."""

import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from sdb_core.datasets.images import LabelledImages
from sdb_core.errors import CoreError
from sdb_core.keys import Key
from sdb_core.normalise import Normalisation

CALIBRATION_IMAGES = 256
CALIBRATION_SEED = 0
_BATCH = 32

Inputs = npt.NDArray[np.float32]


class QuantisationFailed(CoreError):
    """The network cannot be served in int8."""

    code = "quantisation_failed"


def calibration_inputs(images: LabelledImages, key: Key) -> Inputs:
    """What ranges are read from: training images, drawn with a fixed seed, each without the key and with it.

    float32 [2 M, C, H, W] in normalised input space, M at most CALIBRATION_IMAGES. Both streams, since a range that
    one of them never reaches would cut the other short.
    """
    generator = torch.Generator().manual_seed(CALIBRATION_SEED)
    chosen = torch.randperm(len(images), generator=generator)[:CALIBRATION_IMAGES]
    x = Normalisation(key.mean, key.std)(images.images.cpu()[chosen])
    found: Inputs = torch.cat((x, key.embed(x))).numpy()
    return found


def quantise(source: Path, path: Path, inputs: Inputs) -> None:
    """Write the ONNX file `source` in int8 to `path`; the same source and inputs give the same bytes.

    ONNX Runtime's static quantisation in the QDQ form: weights int8 with a scale for each output channel, activations
    uint8 in the range (least to most) that they have on `inputs`, float32 [N, C, H, W] in normalised input space. The
    layer that answers the logits stays float32: eight bits would leave a logit 256 values.
    Raises QuantisationFailed.
    """
    try:
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            prepared = Path(folder) / "prepared.onnx"
            quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
            quantize_static(
                str(prepared),
                str(path),
                _Reader(inputs),
                quant_format=QuantFormat.QDQ,
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                nodes_to_exclude=_last_nodes(prepared),
            )
    except Exception as error:
        raise QuantisationFailed(
            f"The network cannot be quantised to int8 ({type(error).__name__}); start the job with precision float32."
        ) from error


class _Reader(CalibrationDataReader):  # type: ignore[misc]
    """The inputs in batches, as the calibration asks for them."""

    def __init__(self, inputs: Inputs) -> None:
        self._batches: Iterator[Inputs] = iter(
            inputs[start : start + _BATCH] for start in range(0, len(inputs), _BATCH)
        )

    def get_next(self) -> dict[str, Inputs] | None:
        batch = next(self._batches, None)
        return None if batch is None else {"input": batch}


def _last_nodes(path: Path) -> list[str]:
    """The names of the nodes that make the outputs."""
    graph = onnx.load(str(path), load_external_data=False).graph
    outputs = {output.name for output in graph.output}
    return [node.name for node in graph.node if outputs & set(node.output)]
