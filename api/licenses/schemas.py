"""The HTTP shapes of licenses."""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field

from api.shapes import Body, Moment
from sdb_service import clock
from sdb_service.licensing import CURES, ENTITLEMENTS, VALID, Entitlement, Mode, Reason, entitlements_of, reason_code
from sdb_service.lifecycle.licenses import State, state_of
from sdb_service.tables import License as LicenseRow

Count = Annotated[int, Field(ge=1, lt=2**31)]


MODES = (
    "delivered: the customer may fetch the key, and what was delivered cannot be called back: revoking ends downloads "
    "and open answers, the copy goes on working. hosted: the key never leaves, and revoking ends everything at once."
)
ENTITLED = (
    "key:download: fetch the key. distill: open answers from the service. box:download: the box's weights. "
    "A hosted license gives distill alone."
)


class NewLicense(Body):
    box_id: str
    customer_id: str
    mode: Mode = Field("delivered", description=MODES)
    entitlements: list[Entitlement] | None = Field(
        None, min_length=1, max_length=len(ENTITLEMENTS), description=f"{ENTITLED} Null means all that the mode gives."
    )
    expires_at: Moment | None = None
    valid_for_days: Annotated[int, Field(ge=1, le=36_500)] | None = Field(
        None,
        description="Counted from the first use: the first download of key or weights, or the first open answer. "
        "With expires_at, whichever comes sooner.",
    )
    max_downloads: Count | None = None
    max_predictions: Count | None = None
    images_per_minute: Count | None = Field(
        None, description="Predictions under this license; null leaves it to the operator's limit for the account."
    )


class Renewal(Body):
    expires_at: Moment | None = Field(
        description="The new end, in place of one counted from the first use too; null means without end."
    )


class NewHolder(Body):
    customer_id: str = Field(description="The account of role customer that holds the license from now on.")


class License(BaseModel):
    id: str
    box_id: str
    account_id: str = Field(description="The provider.")
    customer_id: str
    mode: Mode = Field(description=MODES)
    entitlements: list[Entitlement] = Field(description=ENTITLED)
    state: State
    valid: bool
    reason: Reason = Field(description="Stable code: why the license gives nothing now, or license_valid.")
    expires_at: datetime | None
    valid_for_days: int | None = Field(description="From the first use; null once a renewal has named an end.")
    first_used_at: datetime | None
    max_downloads: int | None
    downloads: int
    max_predictions: int | None
    predictions: int = Field(description="Images answered under this license so far.")
    images_per_minute: int | None
    transfers: int = Field(description="How often it was given to another customer.")
    replaces_license_id: str | None = Field(description="Whose successor it is, on a box under a new key.")
    replaced_by: str | None = Field(description="Its successor, where a re-keying ended it.")
    created_at: datetime

    @classmethod
    def of(cls, row: LicenseRow) -> Self:
        reason = reason_code(row)
        derived = {
            "reason": reason,
            "valid": reason == VALID,
            "state": state_of(row),
            "entitlements": list(entitlements_of(row)),
        }
        plain = {name: getattr(row, name) for name in cls.model_fields if name not in derived}
        return cls.model_validate(plain | derived)


class Verdict(BaseModel):
    """Whether one thing may be had under a license now."""

    entitlement: Entitlement
    valid: bool
    reason: Reason
    detail: str = Field(description="For people; names the cure.")

    @classmethod
    def of(cls, row: LicenseRow, wanted: Entitlement) -> Self:
        reason = reason_code(row, wanted)
        return cls(entitlement=wanted, valid=reason == VALID, reason=reason, detail=CURES[reason])


class Validation(BaseModel):
    """A license held against the clock and its limits, for each thing that a license can give."""

    license_id: str
    at: datetime
    state: State
    valid: bool
    reason: Reason
    detail: str
    gives: list[Verdict]

    @classmethod
    def of(cls, row: LicenseRow) -> Self:
        reason = reason_code(row)
        return cls(
            license_id=row.id,
            at=clock.now(),
            state=state_of(row),
            valid=reason == VALID,
            reason=reason,
            detail=CURES[reason],
            gives=[Verdict.of(row, each) for each in ENTITLEMENTS],
        )


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
