"""The HTTP shapes of alarms."""

from datetime import date, datetime
from typing import Self

from pydantic import BaseModel, Field

from api.monitoring.judging import Kind
from sdb_service.tables import Alarm as AlarmRow


class Histogram(BaseModel):
    """Counts of distances, and the upper ends of their bins."""

    to: list[float]
    images: list[int]


class Numbers(BaseModel):
    """What one process saw of a caller from `since` to the alarm; null where there was too little to say."""

    queries: int = Field(description="Images that were answered.")
    seen: int = Field(description="Images of them that were looked at.")
    seen_share: float
    distinct: int = Field(description="Different images among the queries, estimated.")
    training_images: int | None = Field(description="Images that the box was made with.")
    compared: int = Field(description="Newest different images that were held against those before them.")
    near_duplicates: float = Field(description="Share of those compared that are hardly different from an earlier one.")
    normality: float | None = Field(description="Shapiro and Wilk's W of the distances to the nearest earlier image.")
    label_entropy: float | None = Field(description="Of the labels answered, as a share of the most possible.")
    label_entropy_of_others: float | None = Field(description="The same of the box's other callers.")
    distilled: int = Field(description="Images answered under a license, beside the queries.")
    nearest: Histogram = Field(description="Distances to the nearest earlier image, in deviations of the box's input.")


class Alarm(BaseModel):
    """One number of one caller beyond its threshold; at most one a day for each box, caller and kind."""

    id: str
    box_id: str
    caller_id: str | None = Field(description="The account; null for somebody without a token.")
    payer: str = Field(description="The account, or a name that tells addresses apart before this box.")
    network: str | None = Field(description="The network of an address: 24 bits, of IPv6 48.")
    kind: Kind
    value: float
    threshold: float
    numbers: Numbers
    day: date
    since: datetime
    created_at: datetime

    @classmethod
    def of(cls, row: AlarmRow) -> Self:
        return cls.model_validate(row, from_attributes=True)
