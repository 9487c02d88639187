"""The HTTP shapes of jobs."""

import json
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, model_validator

from api.shapes import ARCHITECTURE, Body, Reason, reason_of
from sdb_service.tables import Job as JobRow
from sdb_service.tables import JobEvent

Policy = Literal["sdb-hardened", "sdb", "nasty", "ke", "nasty-ke", "normal"]
PRESETS = ("authors-code", "nasty-tiny-imagenet", "paper-cifar10", "paper-cifar100", "photographs", "quick")
_MOST_COMPARED = 5
_SETTINGS_BYTES = 16_384
_SETTINGS_LEVELS = 8


def _small(value: dict[str, Any]) -> dict[str, Any]:
    _require_levels(value, _SETTINGS_LEVELS)  # what is nested deeper can be stored and never be shown again
    try:
        size = len(json.dumps(value, allow_nan=False, ensure_ascii=False).encode())
    except ValueError as error:
        raise ValueError("these settings hold numbers that are not finite or text that is not Unicode") from error
    if size > _SETTINGS_BYTES:
        raise ValueError(f"these settings are larger than {_SETTINGS_BYTES} bytes")
    return value


def _require_levels(value: Any, levels: int) -> None:
    if levels == 0:
        raise ValueError(f"these settings are nested deeper than {_SETTINGS_LEVELS} levels")
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for one in inner:
        _require_levels(one, levels - 1)


def _known_preset(value: dict[str, Any]) -> dict[str, Any]:
    if "preset" in value and value["preset"] not in PRESETS:
        raise ValueError(f"there is no such preset; known are {', '.join(PRESETS)}")
    return value


def _served(value: Any) -> Any:
    if value == "bfloat16":
        raise ValueError(
            "bfloat16 cannot be served: ONNX Runtime has no bfloat16 convolution for CPUs; choose float32 or int8 "
            "(config.precision, that of the training, takes bfloat16)"
        )
    return value


Precision = Annotated[Literal["float32", "int8"], BeforeValidator(_served)]
SmallValues = Annotated[dict[str, Any], AfterValidator(_small), AfterValidator(_known_preset)]


class Evaluation(Body):
    """How much evidence to gather. What is null is as the preset of `config` has it, else as said beside the field."""

    level: Literal["none", "quick", "standard", "full"] | None = Field(
        None, description="`none` makes a box without a report, `full` runs every attack; else standard."
    )
    seeds: int | None = Field(
        None, ge=1, le=20, description="Students trained per row of the table; else 3, at level full 5."
    )
    student: str | None = Field(
        None, pattern=ARCHITECTURE, max_length=120, description="The thief's network; else the method's default."
    )
    epochs: int | None = Field(None, ge=1, le=1000, description="Epochs of each student; else the method's default.")
    compare: list[Policy] | None = Field(
        None,
        max_length=_MOST_COMPARED,
        description="Policies, any of them, that wrap the same model for the same table, each under a key of its own: "
        "by its part of the preset or its defaults, with lambda and the training settings that `config` names. Else "
        "`sdb`, the paper's; at level none nothing is compared.",
    )
    student_settings: SmallValues = Field(
        default_factory=dict,
        description="How each student is taught, as `lr`, `batch_size`, `temperature`, `alpha`; `epochs` above wins.",
    )


class NewJob(Body):
    model_id: str
    dataset_id: str
    policy: Policy = "sdb-hardened"
    config: SmallValues = Field(
        default_factory=dict,
        description="Settings of the policy, as `epochs` or `lam`. `preset` names a whole recipe under them and under "
        f"`evaluate`: {', '.join(PRESETS)}.",
    )
    evaluate: Evaluation = Field(default_factory=Evaluation)
    precision: Precision = Field(
        "float32",
        description="Of the network that predictions come from. `int8` is smaller, faster for large networks, and not "
        "quite as accurate; the report gives the measured difference, so it needs one. `config.precision` is another "
        "thing: that of the training.",
    )
    seed: int = Field(0, ge=0, lt=2**31)

    @model_validator(mode="after")
    def _int8_is_measured(self) -> Self:
        if self.precision != "float32" and self.evaluate.level == "none":
            raise ValueError(
                f"a box in {self.precision} needs a report with the measured difference: set evaluate.level to quick "
                "or more, or precision to float32"
            )
        return self


class Job(BaseModel):
    id: str
    model_id: str
    dataset_id: str
    policy: str
    config: dict[str, Any]
    evaluate: dict[str, Any]
    precision: str
    seed: int
    state: Literal["queued", "running", "succeeded", "failed", "cancelled"]
    cancelling: bool
    attempt: int
    progress: dict[str, Any] = Field(description='{"stage", "done", "total"}; empty before the first step.')
    reason: Reason | None
    box_id: str | None = Field(description="The box, once the job has succeeded.")
    has_report: bool
    replaces_box_id: str | None = Field(description="The box whose place the new one takes: of a re-keying.")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @classmethod
    def of(cls, row: JobRow) -> Self:
        derived = {
            "reason": reason_of(row),
            "box_id": row.box_id if row.state == "succeeded" else None,
            "has_report": row.report_key is not None,
            "cancelling": row.cancel_requested_at is not None and row.state == "running",
        }
        plain = {name: getattr(row, name) for name in cls.model_fields if name not in derived}
        return cls.model_validate(plain | derived)


class Event(BaseModel):
    """One line of the event stream: kind `state`, `progress` or `metrics`."""

    id: int
    kind: str
    attempt: int
    at: datetime
    data: dict[str, Any]

    @classmethod
    def of(cls, row: JobEvent) -> Self:
        return cls.model_validate(row, from_attributes=True)


class Metrics(BaseModel):
    """Loss curves so far: for each stage the steps and, by name, the values."""

    points: list[dict[str, Any]] = Field(description='{"stage", "step", "values": {name: value}} in order.')
