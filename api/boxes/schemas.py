"""The HTTP shapes of boxes."""

from datetime import datetime
from typing import Any, Literal, Self

from pydantic import BaseModel, Field, field_validator

from api.shapes import Body
from sdb_service.tables import Box as BoxRow

Output = Literal["labels", "probs", "logits"]


class Publication(Body):
    """What the public may ask for; the less it may, the less it can steal."""

    outputs: list[Output] = Field(default=["labels", "probs"], min_length=1)
    top_k: int = Field(5, ge=1, le=1000, description="How many of the most likely classes `probs` shows.")
    images_per_minute: int | None = Field(
        None,
        ge=1,
        lt=2**31,
        description="Predictions of one address or account; null leaves it to the operator's limits.",
    )

    @field_validator("outputs")
    @classmethod
    def _each_once(cls, value: list[Output]) -> list[Output]:
        return list(dict.fromkeys(value))


class PublicBox(BaseModel):
    """What everybody may know of a published box."""

    id: str
    name: str
    num_classes: int
    class_names: list[str] | None
    input: dict[str, Any]
    precision: Literal["float32", "int8"] = Field(description="Of the network that predictions come from.")
    outputs: list[Output]
    top_k: int
    images_per_minute: int | None
    published: bool

    @classmethod
    def of(cls, row: BoxRow) -> Self:
        plain = {name: getattr(row, name) for name in cls.model_fields if name != "published"}
        return cls.model_validate({**plain, "published": row.published_at is not None})


class Box(PublicBox):
    """What its owner knows of it."""

    job_id: str
    model_id: str
    policy: str
    architecture: str
    onnx_sha256: str = Field(description="Of the float32 export, which downloads give whatever is served.")
    onnx_max_difference: float = Field(description="Largest difference of a logit between the net and its ONNX export.")
    int8_sha256: str | None = Field(description="Of the ONNX file that predictions come from, where it is in int8.")
    checkpoint_sha256: str
    has_report: bool
    replaces_box_id: str | None = Field(description="The box whose place it took in a re-keying.")
    replaced_by: str | None = Field(description="The box that took its place, under a new key.")
    created_at: datetime

    @classmethod
    def of(cls, row: BoxRow) -> Self:
        derived = {"published": row.published_at is not None, "has_report": row.report_key is not None}
        plain = {name: getattr(row, name) for name in cls.model_fields if name not in derived}
        return cls.model_validate(plain | derived)
