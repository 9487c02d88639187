"""Triton's own client as it is published, and requests of its protocol by hand."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from httpx2 import Response
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from tests.api.problems import problem_of
from tests.api.seeding import NOBODY, House, Person
from tests.api.wiring import Wired

Triton = Callable[[Callable[[Any], Any]], Any]
Body = tuple[bytes, dict[str, str]]

JSON_BYTES = "Inference-Header-Content-Length"


@contextmanager
def client_of(wire: Wired) -> Iterator[Triton]:
    """Triton's client before the running server; what is asked of it runs in a thread of its own, as its loop does."""
    with ThreadPoolExecutor(1) as thread:
        client = thread.submit(InferenceServerClient, f"127.0.0.1:{wire.port}", network_timeout=20.0).result()
        try:
            yield lambda ask: thread.submit(ask, client).result()
        finally:
            thread.submit(client.close).result()


def tensor(images: npt.NDArray[Any], *, binary: bool = True, name: str = "input") -> InferInput:
    found = InferInput(name, list(images.shape), np_to_triton_dtype(images.dtype))
    found.set_data_from_numpy(images, binary_data=binary)
    return found


def wish(name: str, *, binary: bool = True, **options: Any) -> InferRequestedOutput:
    return InferRequestedOutput(name, binary_data=binary, **options)


def inference(images: npt.NDArray[np.uint8], **changes: Any) -> dict[str, Any]:
    """The JSON of a request with pixels in lists; `changes` are of its one input."""
    found = {"name": "input", "shape": images.shape, "datatype": "UINT8", "data": images.reshape(-1).tolist()}
    return {"inputs": [found | changes]}


def infer(house: House, box: str, body: bytes | dict[str, Any], *, who: Person = NOBODY, **headers: str) -> Response:
    """One request, sent by hand."""
    named = who.headers | {name.replace("_", "-"): value for name, value in headers.items()}
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return house.http.post(f"/v2/models/{box}/infer", content=content, headers=named)


def of(who: Person) -> dict[str, str]:
    """Headers that the client may change, as it does."""
    return dict(who.headers)


def refusal(triton: Triton, ask: Callable[[Any], Any]) -> InferenceServerException:
    with pytest.raises(InferenceServerException) as caught:
        triton(ask)
    return caught.value


def error_of(answer: Response, status: int, code: str) -> str:
    """The text that clients of the protocol read."""
    problem = problem_of(answer, status, code)
    assert problem["error"] == f"{code}: {problem['detail']}"
    return str(problem["error"])


def packed(found: dict[str, Any], rest: bytes, *, json_bytes: object = None) -> Body:
    """A body of JSON and bytes, with the header that says where these begin."""
    head = json.dumps(found).encode()
    return head + rest, {JSON_BYTES: str(len(head) if json_bytes is None else json_bytes)}


def binary(images: npt.NDArray[np.uint8], size: object, **changes: Any) -> dict[str, Any]:
    """As `inference`, with the promise of so many bytes behind the JSON in the place of lists."""
    found = inference(images, parameters={"binary_data_size": size}, **changes)
    del found["inputs"][0]["data"]
    return found
