"""What a request asks of the prediction path, what it was granted, and what it is answered."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from api.bodies.geometry import Images
from api.predictions.asked import Shown
from api.predictions.budgets import Budget, Due
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
    read: Callable[[bytes], Images | None]  # the images of a body that needs no other thread; else None
    dues: tuple[Due, ...]  # the budgets that the images are taken from, the caller's own first

    @property
    def payer(self) -> str:
        """The caller's account, or the address of somebody without one."""
        return self.dues[0].payer


@dataclass(slots=True)
class Reply:
    """A good answer."""

    body: bytes
    media_type: str
    budget: Budget
