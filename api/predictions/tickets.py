"""What a request asks of the prediction path, what it was granted, and what it is answered."""

from dataclasses import dataclass
from typing import Literal

from api.predictions.asked import Shown
from api.predictions.budgets import Budget
from api.predictions.known import KnownBox, Standing

Kind = Literal["predict", "distill"]


@dataclass(frozen=True)
class Head:
    """A request before its body."""

    kind: Kind
    box_id: str
    token: str | None
    content_type: str
    accept: str
    address: str


@dataclass(frozen=True, eq=False)
class Rendering:
    """How answers are written; one object for all who are shown the same of a box."""

    box: KnownBox
    shown: Shown
    media_type: str


@dataclass(frozen=True, eq=False)
class Ticket:
    """A request that may be answered. Good for all requests with the same head, until what it rests on is too old."""

    kind: Kind
    standing: Standing
    rendering: Rendering
    content_type: str
    body_kind: str  # the media type in it
    payer: str  # whose budget the images are taken from
    limit: int  # of that budget, a minute


@dataclass(slots=True)
class Reply:
    """A good answer."""

    body: bytes
    media_type: str
    budget: Budget
