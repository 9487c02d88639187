"""HTTP shapes that several domains share."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, StringConstraints

ARCHITECTURE = r"^((sdb|torchvision|timm):[A-Za-z0-9_-]+|program)$"

Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")
]


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("the moment lies outside the years 1 to 9999") from error


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]


class Body(BaseModel):
    """The root of request bodies: unknown fields are refused, so that a typing error is not silently ignored."""

    model_config = ConfigDict(extra="forbid")


class Reason(BaseModel):
    """Why something was refused: a stable code, and a sentence that names the cure."""

    code: str
    detail: str


class Checked(BaseModel):
    """What models and datasets share: the worker opens the file before anybody may build on it."""

    id: str
    name: str
    state: Literal["checking", "ready", "rejected"]
    reason: Reason | None
    summary: dict[str, Any] | None
    created_at: datetime


def reason_of(row: Any) -> dict[str, str] | None:
    """The error columns of a claimable row as HTTP shows them."""
    return {"code": row.error_code, "detail": row.error_detail} if row.error_code else None
