"""The way of a request through the prediction path: who asks, what came, the box's answer.

There are two ways through it. `admit` and `answer` may wait: for the database, for a box to be loaded, for a large
picture to be decoded, and they say what is wrong. `admit_now` and `answer_now` never wait: they take what is known and
in order, and leave everything else to the first two. Both end in the same batches and the same bytes.
"""

import asyncio
import hmac
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from starlette.concurrency import run_in_threadpool

from api.bodies.decoding import decode, decode_now
from api.bodies.decoding import media_type as media_type_of
from api.bodies.geometry import Images
from api.boxes.queries import get_usable_box
from api.predictions import answers
from api.predictions.asked import Asked, AskedOpen, asked_of_query, asked_open_of_query, open_answers, shown_to
from api.predictions.batching import Batcher, Logits, Question
from api.predictions.budgets import Budget, Budgets
from api.predictions.delivering import deliver
from api.predictions.holding import count, licensed_standing
from api.predictions.known import Standing
from api.predictions.lookups import Lookups, SingleFlight
from api.predictions.metrics import Metrics
from api.predictions.sessions import LoadedBox, Sessions
from api.predictions.tickets import Head, Kind, Rendering, Reply, Ticket
from sdb_service import identity
from sdb_service.errors import ServiceError, TooManyRequests, Unauthenticated, Unavailable
from sdb_service.runtime import Runtime

Told = Callable[[Reply | ServiceError], None]


class Lane:
    """One for each process; everything but decoding, loading and long batches happens on its event loop."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._settings = runtime.settings
        self._token_key = runtime.token_key.reveal()
        self.sessions = Sessions(runtime.storage, capacity=runtime.settings.session_cache_bytes)
        self.metrics = Metrics(self.sessions)
        self._standings = Lookups[Standing]()
        self.on_forgetting: list[Callable[[], None]] = []
        self._loading = SingleFlight[LoadedBox]()
        self._budgets = Budgets()
        self._runner = ThreadPoolExecutor(1, thread_name_prefix="box")

    def close(self) -> None:
        self._runner.shutdown(wait=False, cancel_futures=True)

    @contextmanager
    def counting_failures(self, address: str) -> Iterator[None]:
        """Requests that come to nothing have a budget too: each costs look-ups that nobody's images pay for.

        Raises:
            TooManyRequests: so many from this address failed in this minute that no more are looked at.
        """
        payer, limit = f"failures of {address}", self._settings.requests_per_minute
        self._budgets.require(payer, limit=limit)
        try:
            yield
        except (TooManyRequests, Unavailable):
            raise
        except ServiceError:
            self._budgets.take(payer, limit=limit, images=1)
            raise

    async def admit(self, head: Head, asked: Asked | AskedOpen) -> Ticket:
        """What the request is granted, before its body is read.

        Raises:
            Unauthenticated, NotFound, Forbidden, Invalid: the request gets nothing; each names the cure.
        """
        if head.kind == "distill" and head.token is None:
            raise Unauthenticated("token_missing", "Sign in: send 'Authorization: Bearer <token>'.")
        standing = await self._standings.get(self._key(head), lambda: self._standing(head))
        return self._ticket(head, standing, asked)

    async def answer(self, ticket: Ticket, body: bytes) -> Reply:
        """The answer to the images in `body`.

        Raises:
            ServiceError: the body holds no images for the box, the budget or the license is used up, or the box fails.
        """
        started = time.perf_counter()
        images = self._decode_now(ticket, body)
        if images is None:
            images = await run_in_threadpool(self._decode, ticket, body)
        budget = await self._count(ticket, len(images))
        box = ticket.standing.box
        loaded = self.sessions.peek(box)
        if loaded is None:
            loaded = await self._loading.get(box.id, lambda: self.sessions.load(box))
        waiting: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        question = Question(ticket, images, budget, lambda found: _settle(waiting, found), started)
        self._batcher(loaded).submit(question)
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
            images = self._decode_now(ticket, body)
            if images is None:
                return None
            budget = self._budgets.take(ticket.payer, limit=ticket.limit, images=len(images))
        except ServiceError:
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
            if head.kind == "distill" and caller is not None:
                return licensed_standing(session, caller, head.box_id, runtime=runtime)
            return Standing.of(caller, get_usable_box(session, caller, head.box_id))

    def _ticket(self, head: Head, standing: Standing, asked: Asked | AskedOpen) -> Ticket:
        media_type = answers.answered_type(head.accept)
        rendering = standing.renderings.get((asked, media_type))
        if rendering is None:
            rendering = standing.renderings[asked, media_type] = _rendering(standing, asked, media_type)
        caller = standing.caller
        return Ticket(
            kind=head.kind,
            standing=standing,
            rendering=rendering,
            content_type=head.content_type,
            body_kind=media_type_of(head.content_type),
            payer=head.address if caller is None else caller.account_id,
            limit=self._settings.public_images_per_minute if caller is None else self._settings.images_per_minute,
        )

    def _decode_now(self, ticket: Ticket, body: bytes) -> Images | None:
        most = self._settings.max_predict_images
        return decode_now(body, ticket.body_kind, ticket.standing.box.geometry, max_images=most)

    def _decode(self, ticket: Ticket, body: bytes) -> Images:
        most, resize = self._settings.max_predict_images, ticket.rendering.shown.resize
        return decode(body, ticket.content_type, ticket.standing.box.geometry, max_images=most, resize=resize)

    async def _count(self, ticket: Ticket, images: int) -> Budget:
        """Take the images from the budget, and under a license from that too: an answer is never given uncounted."""
        budget = self._budgets.take(ticket.payer, limit=ticket.limit, images=images)
        if ticket.kind == "distill":
            await run_in_threadpool(self._count_license, ticket.standing, images)
        return budget

    def _submit_counted(self, batcher: Batcher, question: Question) -> None:
        """Submit a request once its images are counted against a license; tell it why not, where they cannot be."""

        def counted(done: "asyncio.Future[None]") -> None:
            try:
                done.result()
                batcher.submit(question)
            except ServiceError as error:
                question.told(error)

        standing, images = question.ticket.standing, len(question.images)
        counting = asyncio.get_running_loop().run_in_executor(None, self._count_license, standing, images)
        counting.add_done_callback(counted)

    def _count_license(self, standing: Standing, images: int) -> None:
        with self._runtime.database.transaction() as session:
            count(session, standing, images=images)

    def _deliver(self, questions: list[Question], logits: Logits) -> None:
        deliver(questions, logits)
        self.metrics.answered(questions)

    def _batcher(self, loaded: LoadedBox) -> Batcher:
        if loaded.batcher is None:
            loaded.batcher = Batcher(loaded, runner=self._runner, deliver=self._deliver, tally=self.metrics.tally)
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
