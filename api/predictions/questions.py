"""A request that waits for its answer."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from api.bodies.geometry import Images
from api.predictions.budgets import Budget
from api.predictions.tickets import Reply, Ticket
from sdb_service.errors import ServiceError

Logits = npt.NDArray[np.float32]  # [N, K]


@dataclass(eq=False, slots=True)
class Question:
    """The images of one request, and who is told of the answer."""

    ticket: Ticket
    images: Images
    budget: Budget
    told: Callable[[Reply | ServiceError], None]
    started: float
    logits: Logits | None = None  # of the images that are done, where not all go in one batch
    begun: int = 0  # images that are in a batch or were in one
    is_gone: bool = False
    is_told: bool = False


Slice = tuple[Question, int, int]  # some of its images: from, to
