"""Quotas as a model: plain sums over what was begun, finished and given back, in any order and under refusals."""

from dataclasses import dataclass
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule
from sqlalchemy import update

from sdb_service import lifecycle, quotas
from sdb_service.db import Database
from sdb_service.errors import QuotaExceeded
from sdb_service.ids import new_id
from sdb_service.lifecycle import JOBS
from sdb_service.settings import Settings
from sdb_service.tables import Dataset, Job, Model, Upload
from tests.machines import Machine
from tests.service.rows import INPUT, a_box, add_job, claimed

pick = st.integers(0, 9)


@dataclass
class Thing:
    """An upload or a job as the model has it; `amount` is in bytes."""

    id: str
    amount: int
    state: str


class QuotaMachine(Machine):
    """One account with little room."""

    database: ClassVar[Database]
    settings: ClassVar[Settings]

    @initialize()
    def come(self) -> None:
        self.account = new_id("acc")
        self.limits = {"stored_bytes": 100, "open_uploads": 3, "active_jobs": 2}
        self.uploads: list[Thing] = []
        self.jobs: list[Thing] = []
        with self.database.transaction() as session:
            quotas.choose_limits(session, self.account, self.limits)

    @rule(size=st.integers(1, 60))
    def begin_upload(self, size: int) -> None:
        upload_id = new_id("upl")
        asked = {"stored_bytes": size, "uploads": 1, "open_uploads": 1}
        if self._reserved(asked, self._upload(upload_id, size)):
            self.uploads.append(Thing(upload_id, size, "open"))

    @precondition(lambda self: self.uploads)
    @rule(at=pick, how=st.sampled_from(["complete", "abandon", "free", "forget"]))
    def change_upload(self, at: int, how: str) -> None:
        """In any state: what does not fit changes nothing."""
        thing = self.uploads[at % len(self.uploads)]
        with self.database.transaction() as session:
            if how == "complete":
                assert lifecycle.complete_upload(session, thing.id) == (thing.state == "open")
                thing.state = "complete" if thing.state == "open" else thing.state
            elif how == "abandon":
                assert lifecycle.abandon_upload(session, thing.id) == (thing.state == "open")
                thing.state = "freeing" if thing.state == "open" else thing.state
            elif how == "free":
                free = thing.state == "complete" and not self._stands(thing)
                assert lifecycle.free_upload(session, thing.id) == free
                thing.state = "freeing" if free else thing.state
            else:
                lifecycle.forget_upload(session, thing.id)
                thing.state = "gone" if thing.state == "freeing" else thing.state

    @rule(estimate=st.integers(1, 60), at=pick)
    def begin_job(self, estimate: int, at: int) -> None:
        """On a model that is deleted at once: only the job still needs its file."""
        finished = [thing for thing in self.uploads if thing.state == "complete"]
        if not finished:
            return
        upload = finished[at % len(finished)]
        job = self._job(upload.id, estimate)
        if self._reserved({"stored_bytes": estimate, "active_jobs": 1}, job):
            self.jobs.append(Thing(job.id, estimate, f"running on {upload.id}"))

    @precondition(lambda self: any(job.state.startswith("running") for job in self.jobs))
    @rule(at=pick, how=st.sampled_from(["succeed", "fail", "cancel"]), stored=st.integers(1, 60))
    def end_job(self, at: int, how: str, stored: int) -> None:
        """What was stored may be more than was reserved: it counts, and nothing is lost."""
        active = [job for job in self.jobs if job.state.startswith("running")]
        thing = active[at % len(active)]
        held = None if how == "cancel" else claimed(self.database, JOBS, thing.id)
        with self.database.transaction() as session:
            if held is None:
                assert lifecycle.cancel(session, thing.id)
            elif how == "fail":
                lifecycle.fail(session, held, code="oops", detail="Oops.")
            else:
                box = a_box(session.get_one(Job, thing.id))
                lifecycle.publish_box(session, held, box, report_key=None, stored_bytes=stored)
        thing.state, thing.amount = ("done", stored) if how == "succeed" else ("over", 0)

    @rule(limit=st.integers(0, 200))
    def choose(self, limit: int) -> None:
        self.limits["stored_bytes"] = limit
        with self.database.transaction() as session:
            quotas.choose_limits(session, self.account, {"stored_bytes": limit})

    @precondition(lambda self: sum(self._bytes()) > 150)
    @rule()
    def start_over(self) -> None:
        self.come()

    @invariant()
    def use_is_the_sum(self) -> None:
        if not hasattr(self, "account"):
            return
        with self.database.reading() as session:
            found = {
                one.resource.name: (one.use.used, one.use.reserved, one.limit)
                for one in quotas.standings(session, self.account, settings=self.settings)
            }
        assert found["stored_bytes"] == (*self._bytes(), self.limits["stored_bytes"])
        assert found["open_uploads"][0] == self._count("open_uploads")
        assert found["active_jobs"][0] == self._count("active_jobs")

    def _bytes(self) -> tuple[int, int]:
        used = sum(thing.amount for thing in self.uploads if thing.state in ("complete", "freeing"))
        used += sum(job.amount for job in self.jobs if job.state == "done")
        reserved = sum(thing.amount for thing in self.uploads if thing.state == "open")
        return used, reserved + sum(job.amount for job in self.jobs if job.state.startswith("running"))

    def _count(self, name: str) -> int:
        things, state = (self.uploads, "open") if name == "open_uploads" else (self.jobs, "running")
        return len([thing for thing in things if thing.state.startswith(state)])

    def _stands(self, upload: Thing) -> bool:
        return any(job.state == f"running on {upload.id}" for job in self.jobs)

    def _reserved(self, asked: dict[str, int], row: Upload | Job) -> bool:
        fits = sum(self._bytes()) + asked["stored_bytes"] <= self.limits["stored_bytes"]
        fits &= all(self._count(name) < self.limits[name] for name in ("open_uploads", "active_jobs") if name in asked)
        try:
            with self.database.transaction() as session:
                quotas.reserve(session, self.account, asked, settings=self.settings)
                session.add(row)
        except QuotaExceeded:
            assert not fits
            return False
        assert fits
        return True

    def _upload(self, upload_id: str, size: int) -> Upload:
        return Upload(
            id=upload_id,
            account_id=self.account,
            filename="x.zip",
            size=size,
            sha256="0" * 64,
            part_bytes=8,
            state="open",
            storage_key=f"uploads/{upload_id}/content",
        )

    def _job(self, upload_id: str, estimate: int) -> Job:
        with self.database.transaction() as session:
            found = add_job(session)  # of another account, for its dataset
            session.execute(update(Dataset).where(Dataset.id == found.dataset_id).values(deleted_at=found.created_at))
            model = Model(
                id=new_id("mdl"),
                account_id=self.account,
                name="m",
                upload_id=upload_id,
                architecture="sdb:cnn-mini",
                num_classes=10,
                input=INPUT,
                state="ready",
                deleted_at=found.created_at,
            )
            session.add(model)
            session.flush()
            columns = {"policy": "sdb", "config": {}, "evaluate": {}, "seed": 0, "progress": {}, "resume": {}}
            return Job(
                id=new_id("job"),
                account_id=self.account,
                model_id=model.id,
                dataset_id=found.dataset_id,
                box_id=new_id("box"),
                state="queued",
                reserved_bytes=estimate,
                **columns,
            )
