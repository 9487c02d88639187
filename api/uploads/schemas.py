"""The HTTP shapes of uploads."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

from api.shapes import Body

Sha256 = Annotated[str, StringConstraints(to_lower=True, pattern=r"^[0-9a-fA-F]{64}$")]


class NewUpload(Body):
    filename: Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[^/\\\x00-\x1f]+$")]
    size: int = Field(gt=0, description="Bytes of the whole file.")
    sha256: Sha256 = Field(description="SHA-256 of the whole file, as hex.")


class Part(BaseModel):
    """A part that has arrived."""

    number: int
    size: int
    sha256: str | None


class Address(BaseModel):
    """Where part `number` is sent with PUT: a path of this API, or a presigned address of the bucket."""

    number: int
    url: str


class Upload(BaseModel):
    id: str
    filename: str
    size: int
    sha256: str
    state: Literal["open", "complete", "failed"]
    part_bytes: int
    parts_expected: int
    parts: list[Part]
    addresses: list[Address] = Field(description="The parts still missing, at most 100 at a time.")
    created_at: datetime
