"""Which of ONNX Runtime's back ends boxes run on: its execution providers, in order of preference."""

from typing import Literal

import onnxruntime as ort

Wanted = Literal["auto", "cpu", "cuda"]
Provider = tuple[str, dict[str, str]]  # its name, and its options

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
ON_CPU: Provider = (CPU, {})
# TF32 would keep ten bits of a float32's 23. Batches come in all sizes, and an exhaustive search for the fastest
# convolution would begin anew for each.
_ON_CUDA: Provider = (CUDA, {"use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC"})


def providers_for(wanted: Wanted) -> list[Provider]:
    """The providers to ask for among those that this ONNX Runtime was built with; the CPU is always the last.

    `auto` takes CUDA where there is one.

    Raises:
        RuntimeError: CUDA is demanded and this ONNX Runtime has none.
    """
    available = ort.get_available_providers()
    if wanted == "cpu" or (wanted == "auto" and CUDA not in available):
        return [ON_CPU]
    if CUDA not in available:
        raise RuntimeError(
            "SDB_ONNX_PROVIDER is cuda, and this ONNX Runtime was built without it; install onnxruntime-gpu in the "
            "place of onnxruntime, or set SDB_ONNX_PROVIDER to auto."
        )
    return [_ON_CUDA, ON_CPU]
