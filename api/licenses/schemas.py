"""The HTTP shapes of licenses."""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field

from api.licenses.validity import reason_code
from api.shapes import Body, Moment
from sdb_service.tables import License as LicenseRow

Mode = Literal["delivered", "hosted"]
Count = Annotated[int, Field(ge=1, lt=2**31)]


class NewLicense(Body):
    box_id: str
    customer_id: str
    mode: Mode = Field(
        "delivered", description="delivered: the customer may fetch the key. hosted: the key never leaves."
    )
    expires_at: Moment | None = None
    max_downloads: Count | None = None
    max_predictions: Count | None = None
    images_per_minute: Count | None = Field(
        None, description="Predictions under this license; null leaves it to the operator's limit for the account."
    )


class Renewal(Body):
    expires_at: Moment | None = Field(description="The new end; null means without end.")


class License(BaseModel):
    id: str
    box_id: str
    account_id: str = Field(description="The provider.")
    customer_id: str
    mode: Mode
    state: Literal["active", "suspended", "expired", "revoked"]
    valid: bool
    reason: str = Field(
        description="Stable code: license_valid, license_suspended, license_expired, license_revoked, ..."
    )
    expires_at: datetime | None
    max_downloads: int | None
    downloads: int
    max_predictions: int | None
    predictions: int = Field(description="Images answered under this license so far.")
    images_per_minute: int | None
    replaces_license_id: str | None = Field(description="Whose successor it is, on a box under a new key.")
    replaced_by: str | None = Field(description="Its successor, where a re-keying ended it.")
    created_at: datetime

    @classmethod
    def of(cls, row: LicenseRow) -> Self:
        reason = reason_code(row)
        derived = {
            "reason": reason,
            "valid": reason == "license_valid",
            "state": "expired" if reason == "license_expired" else row.state,
        }
        plain = {name: getattr(row, name) for name in cls.model_fields if name not in derived}
        return cls.model_validate(plain | derived)


class Suspect(BaseModel):
    """A license whose mark a found key carries."""

    license_id: str
    customer_id: str
    z: float = Field(description="The score of its mark; innocents' are standard normal.")
    false_accusation: float = Field(
        description="A bound on the probability that any innocent among the licenses compared scores as high."
    )


class Trace(BaseModel):
    box_id: str
    verdict: Literal["attributed", "not_attributable"]
    reason: str = Field(
        description="Stable code: trace_found, trace_mark_lost, trace_unrelated, trace_input_too_small, "
        "trace_no_licenses."
    )
    detail: str
    licenses: list[Suspect] = Field(description="The surest first; several where their customers joined their keys.")
    compared: int = Field(description="How many licenses the key was held against.")
    limit: float = Field(description="Licenses are named whose false_accusation is at most this.")
