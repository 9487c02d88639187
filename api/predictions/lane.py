"""The way of a request through the prediction path: who asks, what came, the box's answer.

There are two ways through it. `admit` and `answer` may wait: for the database, for a box to be loaded, for a large
picture to be decoded, and they say what is wrong. `admit_now` and `answer_now` never wait: they take what is known and
in order, and leave everything else to the first two. Both end in the same batches and the same bytes.
"""

import asyncio
import hmac
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from starlette.concurrency import run_in_threadpool

from api import policy
from api.bodies.decoding import decode, reader_of
from api.bodies.decoding import media_type as media_type_of
from api.bodies.geometry import Images
from api.boxes.queries import get_usable_box
from api.last_use import LastUse
from api.monitoring.raising import watching
from api.predictions import answers
from api.predictions.asked import Asked, AskedOpen, asked_of_query, asked_open_of_query, open_answers, shown_to
from api.predictions.batching import Batcher, Logits
from api.predictions.charging import Charges
from api.predictions.delivering import deliver
from api.predictions.holding import licensed_standing
from api.predictions.known import Standing
from api.predictions.lookups import Lookups, SingleFlight
from api.predictions.metrics import Metrics
from api.predictions.questions import Question
from api.predictions.sessions import LoadedBox, Sessions
from api.predictions.tickets import Head, Kind, Rendering, Reply, Ticket
from sdb_service import identity
from sdb_service.errors import ServiceError, Unauthenticated
from sdb_service.runtime import Runtime

_ACTIONS: dict[Kind, str] = {"predict": "box.predict", "distill": "box.distill"}

Told = Callable[[Reply | ServiceError], None]


class Lane:
    """One for each process; everything but decoding, loading and long batches happens on its event loop."""

    def __init__(self, runtime: Runtime, last_use: LastUse) -> None:
        self._runtime = runtime
        self._last_use = last_use
        self._settings = runtime.settings
        self._token_key = runtime.token_key.reveal()
        self.sessions = Sessions.of(runtime)
        self.metrics = Metrics(self.sessions)
        self._standings = Lookups[Standing]()
        self.on_forgetting: list[Callable[[], None]] = []
        self._loading = SingleFlight[LoadedBox]()
        self.charges = Charges(runtime)
        self._runner = ThreadPoolExecutor(1, thread_name_prefix="box")
        self.watch = watching(runtime)

    def close(self) -> None:
        self._runner.shutdown(wait=False, cancel_futures=True)
        self.watch.close()

    async def admit(self, head: Head, asked: Asked | AskedOpen, *, media_type: str | None = None) -> Ticket:
        """What the request is granted, before its body is read. It is answered in `media_type`, or as it accepts.

        Raises:
            Unauthenticated, NotFound, Forbidden, Invalid: the request gets nothing; each names the cure.
        """
        if head.kind == "distill" and head.token is None:
            raise Unauthenticated("token_missing", "Sign in: send 'Authorization: Bearer <token>'.")
        standing = await self._standings.get(self._key(head), lambda: self._standing(head))
        return self._ticket(head, standing, asked, media_type)

    async def answer(self, ticket: Ticket, body: bytes) -> Reply:
        """The answer to the images in `body`.

        Raises:
            ServiceError: the body holds no images for the box, the budget or the license is used up, or the box fails.
        """
        started = time.perf_counter()
        images = ticket.read(body)
        if images is None:
            images = await run_in_threadpool(self._decode, ticket, body)
        return await self.answer_images(ticket, images, started=started)

    async def answer_images(self, ticket: Ticket, images: Images, *, started: float) -> Reply:
        """The answer to images that came whole at `started` (`time.perf_counter`). Raises as `answer`."""
        budget = await self.charges.take(ticket, len(images))
        box = ticket.standing.box
        loaded = self.sessions.peek(box)
        if loaded is None:
            loaded = await self._loading.get(box.id, lambda: self.sessions.load(box))
        batcher = self._batcher(loaded)
        batcher.require_room()
        await self.charges.count(ticket, len(images))
        waiting: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        question = Question(ticket, images, budget, lambda found: _settle(waiting, found), started)
        batcher.submit(question)
        try:
            return await waiting
        finally:
            question.is_gone = True

    def admit_now(self, head: Head, query: bytes) -> tuple[Ticket, float] | None:
        """As `admit`, where all that it needs is known, and until when (`time.monotonic`) it holds.

        None leaves the request to `admit`.
        """
        asked = asked_of_query(query) if head.kind == "predict" else asked_open_of_query(query)
        if head.kind == "distill" and head.token is None:
            return None
        known = self._standings.peek(self._key(head), lambda: self._standing(head))
        if asked is None or known is None:
            return None
        standing, until = known
        try:
            return self._ticket(head, standing, asked), until
        except ServiceError:
            return None

    def answer_now(self, ticket: Ticket, loaded: LoadedBox, body: bytes, told: Told) -> Question | None:
        """As `answer`, where it can begin at once; None leaves the request to `answer`, and nothing was counted."""
        batcher = loaded.batcher or self._batcher(loaded)
        if batcher.is_full:
            return None
        try:
            images = ticket.read(body)
        except ServiceError:
            return None
        budget = None if images is None else self.charges.take_now(ticket, len(images))
        if images is None or budget is None:
            return None
        question = Question(ticket, images, budget, told, time.perf_counter())
        if ticket.kind == "distill":
            self._submit_counted(batcher, question)
        else:
            batcher.submit(question)
        return question

    def forget(self) -> None:
        """Look everything up again: somebody's rights have changed. Safe from any thread."""
        self._standings.forget()
        for call in list(self.on_forgetting):
            call()

    def _key(self, head: Head) -> tuple[Kind, str, bytes | None]:
        # Tokens are not kept as they are: a digest tells them apart as well.
        digest = None if head.token is None else hmac.digest(self._token_key, head.token.encode(), "sha256")
        return head.kind, head.box_id, digest

    def _standing(self, head: Head) -> Standing:
        runtime = self._runtime
        with runtime.database.reading() as session:
            caller = None
            if head.token is not None:
                caller = identity.caller_of_token(session, head.token, key=runtime.token_key)
                self._last_use.note(caller.token_id)
            policy.require(caller, _ACTIONS[head.kind])
            if head.kind == "distill" and caller is not None:
                return licensed_standing(session, caller, head.box_id, runtime=runtime)
            return Standing.of(caller, get_usable_box(session, caller, head.box_id))

    def _ticket(
        self, head: Head, standing: Standing, asked: Asked | AskedOpen, media_type: str | None = None
    ) -> Ticket:
        media_type = media_type or answers.answered_type(head.accept)
        rendering = standing.renderings.get((asked, media_type))
        if rendering is None:
            rendering = standing.renderings[asked, media_type] = _rendering(standing, asked, media_type)
        return Ticket(
            kind=head.kind,
            standing=standing,
            rendering=rendering,
            content_type=head.content_type,
            read=reader_of(
                media_type_of(head.content_type), standing.box.geometry, max_images=self._settings.max_predict_images
            ),
            dues=self.charges.dues(head, standing),
        )

    def _decode(self, ticket: Ticket, body: bytes) -> Images:
        most, resize = self._settings.max_predict_images, ticket.rendering.shown.resize
        return decode(body, ticket.content_type, ticket.standing.box.geometry, max_images=most, resize=resize)

    def _submit_counted(self, batcher: Batcher, question: Question) -> None:
        """Submit a request once its images are counted against a license; tell it why not, where they cannot be."""

        def counted(error: ServiceError | None) -> None:
            try:
                if error is not None:
                    raise error
                batcher.submit(question)
            except ServiceError as refused:
                question.told(refused)

        self.charges.count_later(question.ticket.standing, len(question.images), counted)

    def _deliver(self, questions: list[Question], logits: Logits) -> None:
        deliver(questions, logits)
        self.metrics.answered(questions)
        self.watch.saw(questions, logits)

    def _batcher(self, loaded: LoadedBox) -> Batcher:
        if loaded.batcher is None:
            loaded.batcher = Batcher(
                loaded.engine, runner=self._runner, deliver=self._deliver, tally=self.metrics.tally
            )
        return loaded.batcher


def _rendering(standing: Standing, asked: Asked | AskedOpen, media_type: str) -> Rendering:
    shown = shown_to(standing, asked) if isinstance(asked, Asked) else open_answers(standing, asked)
    if media_type != answers.JSON:
        answers.require_array(standing.box, shown)
    return Rendering(standing.box, shown, media_type)


def _settle(waiting: asyncio.Future[Reply], found: Reply | ServiceError) -> None:
    if waiting.done():  # whoever asked has gone
        return
    if isinstance(found, ServiceError):
        waiting.set_exception(found)
    else:
        waiting.set_result(found)
