"""ONNX export of a box, compared with the net it was made from."""

import contextlib
import io
import logging
import warnings
from pathlib import Path

import onnxruntime as ort
import torch
from torch import nn

from sdb_core.errors import CoreError
from sdb_core.nets import Architecture

_COMPARED = 8
_TOLERANCE = 1e-3
_MOST_IMAGES = 65_536
_PROTOBUF_LIMIT = 2**31 - 2**20


class ExportFailed(CoreError):
    """The network cannot be served: it does not export to ONNX, or the export answers something else."""

    code = "export_failed"


def export(net: nn.Module, architecture: Architecture, path: Path) -> float:
    """Write `net` as ONNX with a dynamic batch and answer the largest difference of a logit.

    Input `input` float32 [N, C, H, W], output `logits` float32 [N, K].
    Raises ExportFailed.
    """
    net = net.cpu().eval()
    size = sum(tensor.numel() * tensor.element_size() for tensor in net.state_dict().values())
    if size > _PROTOBUF_LIMIT:
        raise ExportFailed(f"The network has {size} bytes and an ONNX file holds 2 GiB; choose a smaller architecture.")
    example = torch.zeros(2, *architecture.shape)
    try:
        _write(net, example, path)
        return _difference(net, architecture, path)
    except CoreError:
        raise
    except Exception as error:
        raise ExportFailed(
            f"The network does not export to ONNX ({type(error).__name__}); choose an architecture that does."
        ) from error


def _write(net: nn.Module, example: torch.Tensor, path: Path) -> None:
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        torch.onnx.export(
            net,
            (example,),
            str(path),
            input_names=["input"],
            output_names=["logits"],
            dynamo=True,
            dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=_MOST_IMAGES)},),
            external_data=False,
            verbose=False,
        )


def _difference(net: nn.Module, architecture: Architecture, path: Path) -> float:
    inputs = torch.randn(_COMPARED, *architecture.shape, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        wanted = net(inputs)
    options = ort.SessionOptions()
    options.log_severity_level = 3
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    found = torch.from_numpy(session.run(None, {"input": inputs.numpy()})[0])
    if found.shape != wanted.shape:
        raise ExportFailed(f"The export answers {tuple(found.shape)} instead of {tuple(wanted.shape)}.")
    difference = float((found - wanted).abs().max())
    if not difference <= _TOLERANCE * max(1.0, float(wanted.abs().max())):
        raise ExportFailed(
            f"The export's logits differ from the net's by {difference:.2g}; choose another architecture."
        )
    return difference
