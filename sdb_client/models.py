"""Models and data sets: what providers bring. A worker opens and checks each before anybody may build on it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, TypeVar

from sdb_client.errors import Rejected, SDBError
from sdb_client.http import Wire, path
from sdb_client.shapes import from_json
from sdb_client.waiting import wait_until


@dataclass(frozen=True)
class InputSpec:
    """What a network takes: pixels in [0, 1], less `mean`, divided by `std`, one number for each channel."""

    channels: int
    height: int
    width: int
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @staticmethod
    def of_data(name: str) -> "InputSpec":
        """What a network takes that was trained as the presets of these data have it: `cifar10`, `cifar100`,
        `tiny-imagenet` or `digits`. A network that was trained under another mean and std needs these instead.

        Raises:
            SDBError: there is no preset of that name.
        """
        if name not in _INPUTS:
            raise SDBError("input_unknown", f"There is no input {name!r}; known are {', '.join(sorted(_INPUTS))}.")
        return _INPUTS[name]


_CIFAR = InputSpec(3, 32, 32, mean=(0.4914, 0.4822, 0.4465), std=(0.247, 0.243, 0.261))
_INPUTS = {
    "cifar10": _CIFAR,
    "cifar100": _CIFAR,
    "tiny-imagenet": InputSpec(3, 64, 64, mean=(0.4802, 0.4481, 0.3975), std=(0.2302, 0.2265, 0.2262)),
    "digits": InputSpec(1, 8, 8, mean=(0.305,), std=(0.3757,)),
}


@dataclass(frozen=True)
class Reason:
    """Why something was refused: a stable code, and a sentence that names the cure."""

    code: str
    detail: str


@dataclass(frozen=True)
class Model:
    """A pretrained checkpoint; `state` goes from `checking` to `ready` or `rejected`."""

    id: str
    name: str
    state: str
    upload_id: str
    architecture: str
    num_classes: int
    input: InputSpec
    created_at: datetime
    class_names: tuple[str, ...] | None = None
    reason: Reason | None = None
    summary: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Dataset:
    """Labelled images; `state` goes from `checking` to `ready` or `rejected`."""

    id: str
    name: str
    state: str
    created_at: datetime
    upload_id: str | None = None
    builtin: str | None = None
    reason: Reason | None = None
    summary: Mapping[str, Any] | None = None


class Models:
    """`client.models`."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def create(
        self,
        *,
        name: str,
        upload_id: str,
        architecture: str,
        num_classes: int,
        input: InputSpec,  # the name of the field in HTTP
        class_names: Sequence[str] | None = None,
    ) -> Model:
        """Register an uploaded checkpoint.

        `architecture` is `sdb:NAME`, `torchvision:NAME`, `timm:NAME`, or `program` for a `.pt2` file of torch.export.
        """
        body = {
            "name": name,
            "upload_id": upload_id,
            "architecture": architecture,
            "num_classes": num_classes,
            "input": asdict(input),
            "class_names": list(class_names) if class_names is not None else None,
        }
        return from_json(Model, self._wire.create("/v1/models", body))

    def list(self) -> Iterator[Model]:
        """Your models, newest first."""
        return self._wire.pages("/v1/models", Model)

    def get(self, model_id: str) -> Model:
        return from_json(Model, self._wire.get(path("v1", "models", model_id)))

    def delete(self, model_id: str) -> None:
        self._wire.delete(path("v1", "models", model_id))

    def wait(self, model_id: str, *, timeout: float | None = None) -> Model:
        """Wait until the model is ready, for `timeout` seconds at most.

        Raises:
            Rejected: the worker refused it. TimedOut: it is still being checked.
        """
        found = wait_until(
            lambda: self.get(model_id), _is_checked, what="The check", timeout=timeout, sleep=self._wire.sleep
        )
        return _accepted(found)


class Datasets:
    """`client.datasets`."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def create(self, *, name: str, upload_id: str | None = None, builtin: str | None = None) -> Dataset:
        """Register an uploaded file (an ImageFolder zip or an npz), or a set of the service: `builtin:digits`."""
        body = {"name": name, "upload_id": upload_id, "builtin": builtin}
        return from_json(Dataset, self._wire.create("/v1/datasets", body))

    def list(self) -> Iterator[Dataset]:
        """Your data sets, newest first."""
        return self._wire.pages("/v1/datasets", Dataset)

    def get(self, dataset_id: str) -> Dataset:
        return from_json(Dataset, self._wire.get(path("v1", "datasets", dataset_id)))

    def delete(self, dataset_id: str) -> None:
        self._wire.delete(path("v1", "datasets", dataset_id))

    def wait(self, dataset_id: str, *, timeout: float | None = None) -> Dataset:
        """Wait until the data set is ready, for `timeout` seconds at most.

        Raises:
            Rejected: the worker refused it. TimedOut: it is still being checked.
        """
        found = wait_until(
            lambda: self.get(dataset_id), _is_checked, what="The check", timeout=timeout, sleep=self._wire.sleep
        )
        return _accepted(found)


Checked = TypeVar("Checked", Model, Dataset)


def _is_checked(row: Model | Dataset) -> bool:
    return row.state != "checking"


def _accepted(row: Checked) -> Checked:
    if row.state != "ready":
        reason = row.reason or Reason("rejected", f"It is {row.state}, and no reason was given.")
        raise Rejected(reason.code, f"{row.name!r} was refused: {reason.detail}", object_id=row.id)
    return row
