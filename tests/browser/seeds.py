"""Rows and files as a finished wrap leaves them, written through the tables."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy.orm import Session

from sdb_core.report_page import report_page
from sdb_service import clock, identity
from sdb_service.runtime import Runtime
from tests.browser.rows import add_box, add_dataset, add_job, add_license, add_metrics, add_model

REPORT = Path(__file__).with_name("report.json")
HOSTILE_NAME = "<script>alert('name')</script>"


@dataclass
class House:
    """Ids of what was seeded."""

    ids: dict[str, str] = field(default_factory=dict)

    def __getattr__(self, name: str) -> str:
        try:
            return self.ids[name]
        except KeyError as error:
            raise AttributeError(name) from error


def furnish(runtime: Runtime) -> House:
    """Four accounts; ada has a finished job with box, report and curves, and a running, a failed and a queued one."""
    house = House()
    with runtime.database.transaction() as session:
        for name, role in (("ada", "provider"), ("bob", "provider"), ("eve", "customer"), ("root", "admin")):
            house.ids[name] = identity.create_account(session, name, role=role).id
        model, dataset = add_model(session, house.ada, "digits cnn"), add_dataset(session, house.ada)
        hostile = add_model(session, house.ada, HOSTILE_NAME)
        add_model(
            session,
            house.ada,
            "broken upload",
            state="rejected",
            reason=(
                "checkpoint_not_finite",
                "The checkpoint holds numbers that are not finite; export it again from a training that converged.",
            ),
        )
        house.ids |= {"model": model, "dataset": dataset}
        house.ids["hostile_job"] = add_job(session, house.ada, hostile, dataset, state="queued")
        house.ids["failed"] = _failed_job(session, house, model, dataset)
        house.ids["finished"] = _finished_job(session, house, model, dataset, runtime)
        house.ids["running"] = add_job(
            session,
            house.ada,
            model,
            dataset,
            state="running",
            started_at=clock.now(),
            attempt=1,
            progress={"stage": "wrap", "done": 30, "total": 120},
        )
        add_metrics(session, house.running, steps=range(0, 30, 3))
        stranger = add_model(session, house.bob, "bob's model")
        house.ids["strangers_job"] = add_job(session, house.bob, stranger, dataset, state="queued")
        house.ids["box"] = add_box(session, house.finished, runtime)
        house.ids["license"] = add_license(session, house.box, house.eve, mode="delivered", max_downloads=3)
        house.ids["hosted"] = add_license(session, house.box, house.eve, mode="hosted")
    return house


def login_link(runtime: Runtime, account_id: str) -> str:
    """The path of a fresh one-time link."""
    with runtime.database.transaction() as session:
        text = identity.make_login_link(session, account_id, key=runtime.token_key)
    return f"/dashboard/login/{text.reveal().decode()}"


def open_session(runtime: Runtime, account_id: str) -> str:
    """The text of a session's cookie."""
    with runtime.database.transaction() as session:
        link = identity.make_login_link(session, account_id, key=runtime.token_key).reveal().decode()
        return identity.use_login_link(session, link, key=runtime.token_key)[1].reveal().decode()


def _failed_job(session: Session, house: House, model: str, dataset: str) -> str:
    return add_job(
        session,
        house.ada,
        model,
        dataset,
        state="failed",
        attempt=1,
        started_at=clock.after(-500),
        finished_at=clock.after(-460),
        error_code="training_diverged",
        error_detail="The loss became nan at step 412 of wrap; lower lr (or omega), or check the data.",
    )


def _finished_job(session: Session, house: House, model: str, dataset: str, runtime: Runtime) -> str:
    began = clock.now() - timedelta(minutes=4)
    job_id = add_job(
        session,
        house.ada,
        model,
        dataset,
        state="succeeded",
        attempt=1,
        started_at=began,
        finished_at=began + timedelta(seconds=203),
        progress={"stage": "students", "done": 36, "total": 36},
        report_key="jobs/finished/1/report.json",
    )
    add_metrics(session, job_id, steps=range(0, 400, 4))
    add_metrics(session, job_id, steps=range(0, 400, 4), stage="compare-sdb")
    runtime.storage.put_bytes("jobs/finished/1/report.json", orjson.dumps(report()))
    runtime.storage.put_bytes("jobs/finished/1/report.html", report_page(report(), names={"job": job_id}).encode())
    return job_id


def report() -> dict[str, Any]:
    """A report as the method writes it, with numbers of the usual size."""
    found: dict[str, Any] = orjson.loads(REPORT.read_bytes())
    return found
