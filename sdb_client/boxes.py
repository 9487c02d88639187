"""Boxes: wrapped models, their publication, predictions and weights."""

import hashlib
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from sdb_client.accounts import Accounts
from sdb_client.alarms import Alarm
from sdb_client.arrays import from_npy
from sdb_client.distilling import Asked, Progress, distill_to
from sdb_client.errors import FileChanged
from sdb_client.http import Wire, path, read_json
from sdb_client.images import Array
from sdb_client.jobs import Job
from sdb_client.models import InputSpec
from sdb_client.predicting import NPY, Images, Output, Predictions, body_of, predict_params
from sdb_client.shapes import from_json

Format = Literal["safetensors", "onnx"]

_SILENCE = 60.0  # seconds


@dataclass(frozen=True)
class Box:
    """A wrapped model. Whoever is not its owner sees the fields up to `images_per_minute`; the others are None."""

    id: str
    name: str
    num_classes: int
    input: InputSpec
    outputs: tuple[str, ...]
    top_k: int
    published: bool
    precision: str = "float32"  # of the network that predictions come from
    class_names: tuple[str, ...] | None = None
    images_per_minute: int | None = None
    job_id: str | None = None
    model_id: str | None = None
    policy: str | None = None
    architecture: str | None = None
    onnx_sha256: str | None = None
    onnx_max_difference: float | None = None
    int8_sha256: str | None = None
    checkpoint_sha256: str | None = None
    has_report: bool | None = None
    created_at: datetime | None = None
    replaces_box_id: str | None = None
    replaced_by: str | None = None


class Boxes:
    """`client.boxes`."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def list(self) -> Iterator[Box]:
        """Your own boxes, newest first."""
        return self._wire.pages("/v1/boxes", Box)

    def get(self, box_id: str) -> Box:
        """A box that is yours, licensed to you, or published."""
        return from_json(Box, self._wire.get(path("v1", "boxes", box_id)))

    def alarms(self, box_id: str) -> Iterator[Alarm]:
        """Callers who seem to copy a box of yours, newest first."""
        return self._wire.pages(path("v1", "boxes", box_id, "alarms"), Alarm)

    def publish(
        self,
        box_id: str,
        *,
        outputs: Sequence[Output] = ("labels", "probs"),
        top_k: int = 5,
        images_per_minute: int | None = None,
    ) -> Box:
        """Let everybody ask for predictions: for these outputs, `probs` of the `top_k` likeliest classes.

        `images_per_minute` bounds each address and account; without it the operator's limits alone do.
        """
        body = {"outputs": [*outputs], "top_k": top_k, "images_per_minute": images_per_minute}
        return from_json(Box, self._wire.act(path("v1", "boxes", box_id, "publish"), body, repeatable=True))

    def unpublish(self, box_id: str) -> Box:
        return from_json(Box, self._wire.act(path("v1", "boxes", box_id, "unpublish"), repeatable=True))

    def rekey(self, box_id: str) -> Job:
        """Make the box anew under a fresh key: a job, whose box takes over publication and licenses when it succeeds.

        Licenses that were revoked get nothing. What was delivered before cannot be called back.

        Raises:
            Conflict: such a job runs already, the box was replaced, or its model or data set is gone.
        """
        return from_json(Job, self._wire.create(path("v1", "boxes", box_id, "rekey"), {}))

    def predict(
        self,
        box_id: str,
        images: Images,
        *,
        outputs: Sequence[Output] | None = None,
        temperature: float = 1.0,
        top_k: int | None = None,
        resize: bool = False,
    ) -> Predictions:
        """What the box says of images.

        `images` is one PNG or JPEG (bytes or the path of a file), or a batch: uint8 pixels [N, H, W, C], or float32
        [N, C, H, W] that is normalised already, as `Key.embed` makes it. `outputs` None means what the box shows by
        itself; `resize` lets the service fit an image of another size.

        Raises:
            NotAllowed: the box's owner does not show this output. Invalid: the images do not fit.
        """
        params = predict_params(outputs, temperature, resize=resize)
        if top_k is not None:
            params["top_k"] = top_k
        content, kind = body_of(images)
        address = path("v1", "boxes", box_id, "predict")
        headers = {"Content-Type": kind}
        answer = self._wire.send("POST", address, params=params, content=content, headers=headers)
        return from_json(Predictions, read_json(answer))

    def predict_array(
        self, box_id: str, images: Images, *, output: Output = "probs", temperature: float = 1.0, resize: bool = False
    ) -> npt.NDArray[Any]:
        """As `predict`, but the answer is one array: labels [N], or probs or logits [N, K]; the faster way for batches.

        Raises:
            NotAllowed: the box's owner does not show this output, or not of all classes.
        """
        content, kind = body_of(images)
        params = predict_params((output,), temperature, resize=resize)
        headers = {"Content-Type": kind, "Accept": NPY}
        answer = self._wire.send(
            "POST", path("v1", "boxes", box_id, "predict"), params=params, content=content, headers=headers
        )
        return from_npy(answer.content)

    def distill(self, box_id: str, images: Images, *, resize: bool = False) -> npt.NDArray[np.float32]:
        """The open stream's logits [N, K]: the service blends the key in, under your license. For teaching students.

        Every image is counted against the license, also when the answer is lost on its way.

        Raises:
            NotAllowed: no active license, or its predictions are used up. Invalid: the images do not fit.
        """
        content, kind = body_of(images)
        params = {"resize": resize}
        headers = {"Content-Type": kind, "Accept": NPY}
        address = path("v1", "boxes", box_id, "distill")
        answer = self._wire.send("POST", address, params=params, content=content, headers=headers, repeatable=False)
        logits: npt.NDArray[np.float32] = from_npy(answer.content)
        return logits

    def distill_to(
        self,
        box_id: str,
        images: Path | str | Array,
        to: Path | str,
        *,
        batch: int = 256,
        connections: int = 4,
        half: bool = False,
        resize: bool = False,
        progress: Progress | None = None,
    ) -> Path:
        """The open stream's logits [N, K] of a whole data set, as `.npy` float32 or `half`: float16. Can be resumed.

        `images` is an `.npy` or `.npz` file, or an array; of neither all is read into memory. Answers are kept in
        `TO.partial` as they come, and the same call goes on with what is missing, whatever broke the first one off.
        Where the service asks to wait it waits; a service that is away is waited for for minutes. A batch whose answer
        was lost on its way is asked for again, and counted against the license again.

        Raises:
            OutputTaken: `to` exists, or `TO.partial` is of another box or other images. ImagesUnreadable: no images.
            NotAllowed: no active license, or its predictions are used up. Invalid: the images do not fit.
            ConnectionFailed, ServerError: the service stayed away.
        """
        asked = Asked(Accounts(self._wire).me().id, box_id, self.get(box_id).num_classes)
        return distill_to(
            self._wire,
            asked,
            images,
            Path(to),
            batch=batch,
            connections=connections,
            half=half,
            resize=resize,
            progress=progress,
        )

    def download(self, box_id: str, to: Path | str, *, format: Format = "safetensors") -> Path:
        """Save the box's weights, for its owner and licensed customers; the file appears only when it is whole.

        Raises:
            FileChanged: what came is not what the service announced by SHA-256; nothing was saved.
        """
        to = Path(to)
        address = path("v1", "boxes", box_id, "checkpoint")
        handle, name = tempfile.mkstemp(dir=to.parent, prefix=f".{to.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                found, announced = self._copy(address, {"format": format}, file.write)
            if found != announced:
                raise FileChanged("The download does not match its announced SHA-256 and was dropped; try again.")
            return Path(name).replace(to)
        finally:
            Path(name).unlink(missing_ok=True)

    def _copy(self, address: str, params: Mapping[str, str], write: Any) -> tuple[str, str]:
        digest = hashlib.sha256()
        with self._wire.stream(address, params=params, timeout=_SILENCE) as response:
            for chunk in response.iter_bytes():
                digest.update(chunk)
                write(chunk)
            return digest.hexdigest(), response.headers.get("x-content-sha256", "")
