"""What the monitor sees of a request; the prediction path's own objects are more."""

from typing import Protocol

import numpy as np
import numpy.typing as npt

from api.bodies.geometry import Geometry, Images
from sdb_service.identity import Caller as Account

Logits = npt.NDArray[np.float32]  # [N, K]


class Box(Protocol):
    """What is asked."""

    @property
    def id(self) -> str: ...
    @property
    def num_classes(self) -> int: ...
    @property
    def geometry(self) -> Geometry: ...


class Standing(Protocol):
    """Who asks which box."""

    @property
    def caller(self) -> Account | None: ...
    @property
    def box(self) -> Box: ...
    @property
    def is_owner(self) -> bool: ...


class Ticket(Protocol):
    """What requests with the same head share; `payer` is the account's id, or the address of somebody without one."""

    @property
    def kind(self) -> str: ...
    @property
    def standing(self) -> Standing: ...
    @property
    def payer(self) -> str: ...


class Question(Protocol):
    """One request that was answered."""

    @property
    def ticket(self) -> Ticket: ...
    @property
    def images(self) -> Images: ...
