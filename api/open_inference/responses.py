"""From the tensors of an answer to the bytes of an inference response."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy.typing as npt
import orjson
from fastapi import Response

from api.bodies.arrays import JSON, RAW
from api.open_inference.outputs import DATATYPES
from api.open_inference.schemas import VERSION, InferRequest


def response_of(
    request: InferRequest,
    box_id: str,
    names: Sequence[str],
    tensors: Mapping[str, npt.NDArray[Any]],
    *,
    headers: Mapping[str, str],
) -> Response:
    """The outputs `names`, each as JSON or as bytes behind it, as the request wants them."""
    wishes = {one.name: one.parameters.binary_data for one in request.outputs}
    parts: list[bytes] = []
    outputs = []
    for name in names:
        array, wish = tensors[name], wishes.get(name)
        output: dict[str, Any] = {"name": name, "datatype": DATATYPES[name], "shape": array.shape}
        if request.parameters.binary_data_output if wish is None else wish:
            parts.append(array.tobytes())
            output["parameters"] = {"binary_data_size": array.nbytes}
        else:
            output["data"] = array.reshape(-1)
        outputs.append(output)
    content: dict[str, Any] = {"model_name": box_id, "model_version": VERSION, "outputs": outputs}
    if request.id is not None:
        content["id"] = request.id
    if request.parameters.key is not None:
        content["parameters"] = {"key": request.parameters.key}
    head = orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)
    if not parts:
        return Response(head, media_type=JSON, headers=headers)
    told = {**headers, "Inference-Header-Content-Length": str(len(head))}
    return Response(b"".join([head, *parts]), media_type=RAW, headers=told)
