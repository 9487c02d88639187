"""Asking a box for predictions."""

import io
from typing import Any

import numpy as np
import numpy.typing as npt
from httpx2 import Response

from tests.api.networks import NPY
from tests.api.seeding import NOBODY, House, Person


def ask(
    house: House,
    box: str,
    body: bytes,
    kind: str | None = NPY,
    *,
    who: Person = NOBODY,
    accept: str = "",
    query: str = "",
) -> Response:
    """One prediction; `kind` is the content type of the body."""
    headers = who.headers | ({"Content-Type": kind} if kind else {}) | ({"Accept": accept} if accept else {})
    return house.http.post(f"/v1/boxes/{box}/predict{query}", content=body, headers=headers)


def probs_of(answer: Response) -> npt.NDArray[np.float64]:
    """Probabilities [N, K] in the order of the classes, from an answer that shows all of them."""
    assert answer.status_code == 200, answer.text
    rows = [sorted(one["probs"], key=lambda shown: shown["label"]) for one in answer.json()["predictions"]]
    return np.array([[shown["prob"] for shown in row] for row in rows])


def logits_of(answer: Response) -> npt.NDArray[np.float64]:
    assert answer.status_code == 200, answer.text
    return np.array([one["logits"] for one in answer.json()["predictions"]])


def array_of(answer: Response) -> npt.NDArray[Any]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == NPY
    found: npt.NDArray[Any] = np.load(io.BytesIO(answer.content))
    return found
