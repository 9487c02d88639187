"""From the bytes of an inference request to what it asks and the images in it. Every byte is hostile."""

import re
from typing import Any

from pydantic import ValidationError

from api.bodies.arrays import from_tensor, read_json
from api.bodies.geometry import Geometry, Images
from api.open_inference.schemas import INPUT, InferRequest, RequestInput
from sdb_service.errors import Invalid, Malformed

_LENGTH = re.compile(r"[0-9]{1,12}")


def images_of(
    body: bytes, json_bytes: str | None, geometry: Geometry, *, max_images: int
) -> tuple[InferRequest, Images]:
    """An inference request for a box, and the images of its one input.

    `json_bytes` is the header `Inference-Header-Content-Length`; without it the whole body is JSON.

    Raises:
        Malformed, Invalid, TooLarge: each names the cure.
    """
    end = len(body) if json_bytes is None else _end_of_json(json_bytes, len(body))
    request = _request_of(read_json(body[:end]))
    _require_known(request)
    (tensor,) = request.inputs
    data = _data_of(tensor, body[end:])
    return request, from_tensor(data, tensor.datatype, tuple(tensor.shape), geometry, max_images=max_images)


def _end_of_json(text: str, size: int) -> int:
    if _LENGTH.fullmatch(text) is None or int(text) > size:
        raise Malformed(
            "inference_header_length",
            f"Inference-Header-Content-Length is how many of the body's {size} bytes are JSON; correct it.",
        )
    return int(text)


def _request_of(found: Any) -> InferRequest:
    try:
        return InferRequest.model_validate(found)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)
        told = "; ".join(f"{'.'.join(str(step) for step in fault['loc'])}: {fault['msg']}" for fault in faults[:5])
        raise Invalid("request_invalid", f"The JSON is no inference request: {told}.") from error


def _require_known(request: InferRequest) -> None:
    """Refuse what would be answered wrongly if it were passed over.

    Raises:
        Invalid: another input, or an extension that is not served here.
    """
    if [tensor.name for tensor in request.inputs] != [INPUT]:
        raise Invalid("input_unknown", f"A box takes one input, named {INPUT!r}; send that alone.")
    places = [one.parameters.shared_memory_region for one in request.inputs]
    places += [one.parameters.shared_memory_region for one in request.outputs]
    if any(place is not None for place in places):
        raise Invalid("shared_memory_unsupported", "There is no shared memory here; send and ask for binary data.")
    if any(one.parameters.classification is not None for one in request.outputs):
        raise Invalid(
            "classification_unsupported", "There is no classification extension here; ask for labels, or for probs."
        )


def _data_of(tensor: RequestInput, rest: bytes) -> bytes | list[Any]:
    size = tensor.parameters.binary_data_size
    if (size is None) == (tensor.data is None):
        raise Malformed(
            "tensor_data",
            "Send the input either as data, or as bytes behind the JSON with parameters.binary_data_size.",
        )
    if (size or 0) != len(rest):
        raise Malformed(
            "binary_data_size",
            f"{len(rest)} bytes follow the JSON and the input claims {size or 0}; "
            "check binary_data_size and Inference-Header-Content-Length.",
        )
    return rest if tensor.data is None else tensor.data
