"""A box with a queue before it, and those who ask it, without a server."""

import threading
import time
from concurrent.futures import Executor

import numpy as np
import numpy.typing as npt

from api.bodies.geometry import Batch, Geometry, Images
from api.bodies.npy import NPY, read_npy
from api.predictions.asked import Shown
from api.predictions.batching import Batcher, Logits, Tally
from api.predictions.budgets import Budget
from api.predictions.delivering import deliver
from api.predictions.known import KnownBox, Standing
from api.predictions.questions import Question
from api.predictions.tickets import Rendering, Reply, Ticket
from sdb_service.errors import ServiceError
from tests.api.loops import until
from tests.api.networks import INPUT, normalised, random_pixels

BOX = KnownBox("box_1", 3, None, Geometry.of(INPUT), ("logits",), 3, None, 0.3, "boxes/1.onnx", "0" * 64)
SHOWN = Shown(outputs=("logits",), temperature=1.0, top_k=3, every_class=True, resize=False)
RENDERING = Rendering(BOX, SHOWN, NPY)


def sums(batch: Batch) -> Logits:
    """Three numbers that tell images apart, each from its own image alone."""
    flat = batch.reshape(len(batch), -1)
    return np.stack([flat.sum(axis=1), flat[:, 0], flat[:, -1]], axis=1)


def assert_sums(found: Logits, batch: Batch) -> None:
    """Answers to pixels are those to this batch, but for the rounding of each of its 192 numbers."""
    np.testing.assert_allclose(found, sums(batch), rtol=0, atol=5e-5)


def floats(count: int, *, seed: int = 1) -> Batch:
    return normalised(random_pixels(count, seed=seed))


class Sums:
    """A box that remembers its batches. It can be held back, work hard, or fail."""

    def __init__(self) -> None:
        self.is_on_cpu = True
        self.sizes: list[int] = []
        self.threads: list[int] = []
        self.gate = threading.Event()
        self.gate.set()
        self.seconds = 0.0  # of work for each image
        self.failures = 0  # so many batches from now on fail

    def run(self, batch: Batch) -> Logits:
        self.sizes.append(len(batch))
        self.threads.append(threading.get_ident())
        assert self.gate.wait(10)
        end = time.thread_time() + self.seconds * len(batch)
        while time.thread_time() < end:
            pass
        if self.failures:
            self.failures -= 1
            raise RuntimeError("out of order")
        return sums(batch)


class Client:
    """Who asks once, and all that they are told."""

    def __init__(self, images: Images, *, kappa: npt.NDArray[np.float32] | None = None) -> None:
        self.told: list[Reply | ServiceError] = []
        ticket = Ticket(
            kind="predict",
            standing=Standing(None, BOX, False, kappa=kappa),
            rendering=RENDERING,
            content_type=NPY,
            read=lambda _body: None,
            dues=(),
        )
        self.question = Question(ticket, images, Budget(1000, 0), self.told.append, 0.0)

    @property
    def logits(self) -> Logits:
        (reply,) = self.told
        assert isinstance(reply, Reply), reply
        return read_npy(reply.body)

    @property
    def code(self) -> str:
        (error,) = self.told
        assert isinstance(error, ServiceError), error
        return error.code


class Desk:
    """A box, its queue, and the thread for long batches."""

    def __init__(self, runner: Executor) -> None:
        self.box, self.tally = Sums(), Tally()
        self.batcher = Batcher(self.box, runner=runner, deliver=deliver, tally=self.tally)

    def ask(self, *clients: Client) -> None:
        for client in clients:
            self.batcher.submit(client.question)

    async def answer(self, *clients: Client) -> None:
        self.ask(*clients)
        await told(*clients)

    async def hold(self, *clients: Client) -> None:
        """Ask, and come back once the first batch is in the box, where it stays until the gate is opened."""
        self.box.gate.clear()
        self.ask(*clients)
        await until(lambda: len(self.box.sizes) == 1)


async def told(*clients: Client) -> None:
    await until(lambda: all(client.told for client in clients))
