"""Jobs as a model: what must be true of a row after any order of claims, heartbeats, ends, cancels and sweeps."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule
from sqlalchemy import select
from sqlalchemy.orm import Session

from sdb_service import lifecycle
from sdb_service.db import Database
from sdb_service.errors import LostLease
from sdb_service.lifecycle import JOBS, Claim
from sdb_service.tables import Box, Job, JobEvent
from tests.machines import Machine
from tests.service.rows import a_box, add_row, seen

MAX_ATTEMPTS, LEASE = 2, 60.0
OVER = ("succeeded", "failed", "cancelled")

claims = st.sampled_from([1, 1, 2])  # the latest most often


@dataclass
class Clock:
    """The service's clock, moved by hand."""

    at: datetime

    def now(self) -> datetime:
        return self.at

    def move(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@dataclass
class Model:
    state: str = "queued"
    attempt: int = 0
    holder: Claim | None = None
    lease_ends: datetime | None = None
    asked_to_stop: bool = False
    boxes: int = 0
    told: list[str] = field(default_factory=list)

    def end(self, state: str) -> None:
        self.state, self.holder, self.lease_ends = state, None, None
        self.told.append(state)


class JobMachine(Machine):
    """One job, and everybody who ever held it: those who lost it go on trying."""

    database: ClassVar[Database]
    clock: ClassVar[Clock]

    @initialize()
    def begin(self) -> None:
        self.job_id = add_row(self.database, JOBS)
        self.model = Model()
        self.given: list[Claim] = []

    @precondition(lambda self: self.model.state in OVER)
    @rule()
    def begin_another(self) -> None:
        self.begin()

    @rule(owner=st.sampled_from(["one", "two"]))
    def claim(self, owner: str) -> None:
        with self.database.transaction() as session:
            held = lifecycle.claim(session, JOBS, self.job_id, owner=owner, lease_seconds=LEASE)
        model = self.model
        may = model.state == "queued" and not model.asked_to_stop
        assert (held is not None) == may
        if held is not None:
            model.attempt += 1
            assert held.attempt == model.attempt
            model.state, model.holder = "running", held
            model.lease_ends = self.clock.at + timedelta(seconds=LEASE)
            model.told.append("running")
            self.given.append(held)

    @precondition(lambda self: self.given)
    @rule(which=claims, how=st.sampled_from(["beat", "progress"]))
    def go_on(self, which: int, how: str) -> None:
        held = self._one(which)
        if how == "progress":
            self._write(held, lambda session: lifecycle.note_progress(session, held, {"stage": "wrap"}))
        elif self._write(held, lambda session: lifecycle.extend(session, held, lease_seconds=LEASE)):
            self.model.lease_ends = self.clock.at + timedelta(seconds=LEASE)

    @precondition(lambda self: self.given)
    @rule(which=claims, how=st.sampled_from(["succeeded", "failed", "cancelled"]))
    def end(self, which: int, how: str) -> None:
        held = self._one(which)

        def write(session: Session) -> None:
            if how == "failed":
                lifecycle.fail(session, held, code="oops", detail="Oops.")
            elif how == "cancelled":
                lifecycle.cancel_now(session, held)
            else:
                box = a_box(session.get_one(Job, self.job_id))
                lifecycle.publish_box(session, held, box, report_key=None, stored_bytes=7)

        if self._write(held, write):
            self.model.end(how)
            self.model.boxes += how == "succeeded"

    @precondition(lambda self: self.given)
    @rule(which=claims, how=st.sampled_from(["told to shut down", "the child died"]), again=st.booleans())
    def give_back(self, which: int, how: str, *, again: bool) -> None:
        """As the supervisor does after a child's death: again, or given up where that was the last attempt."""
        held = self._one(which)
        if how == "told to shut down":
            if self._write(held, lambda session: lifecycle.release(session, held)):
                self.model.end("queued")
                self.model.attempt -= 1
        elif held.attempt < MAX_ATTEMPTS:
            if self._write(held, lambda session: lifecycle.retry(session, held)):
                self.model.end("queued")
        elif self._write(held, lambda session: lifecycle.fail(session, held, code="child_died", detail="Died.")):
            self.model.end("failed")
        if again:
            self.claim("two")

    @rule()
    def ask_to_stop(self) -> None:
        with self.database.transaction() as session:
            heard = lifecycle.cancel(session, self.job_id)
        assert heard == (self.model.state not in OVER)
        if heard:
            self.model.asked_to_stop = True
            if self.model.state == "queued":
                self.model.end("cancelled")

    @rule(seconds=st.sampled_from([20.0, 61.0, 61.0]), then=st.sampled_from(["nothing", "sweep", "sweep"]))
    def wait(self, seconds: float, then: str) -> None:
        self.clock.move(seconds)
        if then == "sweep":
            self.sweep()

    @rule()
    def sweep(self) -> None:
        with self.database.transaction() as session:
            swept = lifecycle.sweep(session, max_attempts=MAX_ATTEMPTS, ring_after_seconds=30)
        model = self.model
        lost = model.state == "running" and model.lease_ends is not None and model.lease_ends < self.clock.at
        mine = [self.job_id]
        if model.asked_to_stop and (model.state == "queued" or lost):
            assert [one for one in swept.cancelled if one == self.job_id] == mine
            model.end("cancelled")
        elif lost and model.attempt >= MAX_ATTEMPTS:
            assert [one for one in swept.given_up if one == self.job_id] == mine
            model.end("failed")
        elif lost:
            assert [one for one in swept.requeued if one == self.job_id] == mine
            model.end("queued")

    @invariant()
    def the_row_is_as_the_model(self) -> None:
        row, model = seen(self.database, JOBS, self.job_id), self.model
        assert (row.state, row.attempt, row.lease_expires_at) == (model.state, model.attempt, model.lease_ends)
        assert row.owner == (model.holder.owner if model.holder else None)
        assert 0 <= row.attempt <= MAX_ATTEMPTS
        assert (row.finished_at is not None) == (model.state in OVER)
        assert row.stored_bytes == (7 if model.state == "succeeded" else 0)
        with self.database.reading() as session:
            boxes = session.execute(select(Box.id).where(Box.job_id == self.job_id)).scalars().all()
            events = select(JobEvent.data).where(JobEvent.job_id == self.job_id, JobEvent.kind == "state")
            told = [data["state"] for data in session.execute(events.order_by(JobEvent.id)).scalars()]
        assert (len(boxes), told) == (model.boxes, model.told)

    def _one(self, which: int) -> Claim:
        return self.given[-min(which, len(self.given))]

    def _write(self, held: Claim, write: Callable[[Session], object]) -> bool:
        """Whether the write was taken, which must be so exactly for who holds the job now."""
        try:
            with self.database.transaction() as session:
                write(session)
        except LostLease:
            assert held != self.model.holder
            return False
        assert held == self.model.holder
        return True
