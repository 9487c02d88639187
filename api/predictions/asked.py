"""What a request asks for, beside its images: outputs, temperature, how many classes, resizing."""

from functools import lru_cache
from typing import Annotated, TypeVar
from urllib.parse import parse_qsl

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from api.predictions.known import Standing
from sdb_service.errors import Forbidden, Invalid

Q = TypeVar("Q", bound=BaseModel)

KNOWN = ("labels", "probs", "logits")


class Asked(BaseModel):
    """The query of `predict`."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    outputs: Annotated[str | None, Field(alias="return", description="labels, probs, logits; comma-separated")] = None
    temperature: Annotated[float, Field(ge=0.01, le=1000, allow_inf_nan=False)] = 1.0
    top_k: Annotated[int | None, Field(ge=1, le=100_000)] = None
    resize: bool = False


class AskedOpen(BaseModel):
    """The query of `distill`."""

    model_config = ConfigDict(frozen=True)

    resize: bool = False


class Shown(BaseModel):
    """What a caller is shown of a box's answer, once it is settled that they may see it."""

    model_config = ConfigDict(frozen=True)

    outputs: tuple[str, ...]
    temperature: float
    top_k: int
    every_class: bool  # an array shows all of them, so whoever is shown fewer gets none
    resize: bool


@lru_cache(1024)
def asked_of_query(query: bytes) -> Asked | None:
    """The query string of a request; None where anything in it is not plainly right."""
    return _plainly(Asked, query)


@lru_cache(64)
def asked_open_of_query(query: bytes) -> AskedOpen | None:
    """As `asked_of_query`, for `distill`."""
    return _plainly(AskedOpen, query)


def shown_to(standing: Standing, asked: Asked) -> Shown:
    """What the caller gets of what they ask for; the owner may have all.

    Raises:
        Invalid: no such output. Forbidden: not for this caller.
    """
    box = standing.box
    outputs = _outputs(asked.outputs, KNOWN if standing.is_owner else box.outputs)
    most = box.num_classes if standing.is_owner else box.top_k
    return Shown(
        outputs=outputs,
        temperature=asked.temperature,
        top_k=min(asked.top_k or box.top_k, most, box.num_classes),
        every_class=most >= box.num_classes,
        resize=asked.resize,
    )


def open_answers(standing: Standing, asked: AskedOpen) -> Shown:
    """What `distill` shows: labels and the open stream's logits."""
    count = standing.box.num_classes
    return Shown(outputs=("labels", "logits"), temperature=1.0, top_k=count, every_class=True, resize=asked.resize)


def _outputs(text: str | None, allowed: tuple[str, ...]) -> tuple[str, ...]:
    if text is None:
        return tuple(name for name in ("labels", "probs") if name in allowed) or allowed
    wanted = tuple(name.strip() for name in text.split(",") if name.strip())
    if unknown := [name for name in wanted if name not in KNOWN]:
        raise Invalid("output_unknown", f"There is no output {unknown[0]!r}; choose from {', '.join(KNOWN)}.")
    if refused := [name for name in wanted if name not in allowed]:
        raise Forbidden(
            "output_not_published", f"The box's owner does not publish {refused[0]}; ask for {', '.join(allowed)}."
        )
    return wanted


def _plainly(shape: type[Q], query: bytes) -> Q | None:
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True)
        if len(dict(pairs)) == len(pairs):
            return shape.model_validate(dict(pairs))
    except (ValidationError, UnicodeDecodeError, ValueError):
        pass
    return None
