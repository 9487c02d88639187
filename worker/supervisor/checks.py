"""Checks of uploaded models and datasets: the child opens the file, the row says ready or rejected with a reason."""

import logging
from typing import Any

from sdb_service import lifecycle
from sdb_service.broker import ring_after_commit
from sdb_service.errors import LostLease
from sdb_service.lifecycle import DATASETS, MODELS, Claim, Kind
from sdb_service.runtime import WorkerRuntime
from sdb_service.tables import Dataset, Model, Upload
from worker.protocol import DATASET_FILE, MODEL_FILE
from worker.supervisor.child import started
from worker.supervisor.heartbeat import Heartbeat
from worker.supervisor.specs import dataset_spec, limits_spec, model_spec
from worker.supervisor.watching import Died, Done, Failed, Lines, Outcome, Stopped, owner_name, watch
from worker.supervisor.workplace import Workplace, workplace

log = logging.getLogger(__name__)

_MOST_SUMMARY = 64


def check(runtime: WorkerRuntime, kind: Kind, row_id: str) -> None:
    """Claim the row and check its file; do nothing where another worker has it. Safe to call twice."""
    settings = runtime.settings
    with runtime.database.transaction() as session:
        held = lifecycle.claim(session, kind, row_id, owner=owner_name(), lease_seconds=settings.lease_seconds)
    if held is None:
        return
    try:
        with Heartbeat(runtime, held) as beat, workplace(settings, held) as place:
            _prepare(runtime, held, place)
            with started(settings, place, kappa=None) as child:
                outcome = watch(runtime, child, beat, tell=_hear_nothing)
            _conclude(runtime, held, outcome)
    except LostLease:
        log.warning("lease lost; another attempt goes on", extra={"id": row_id})
    except Exception:
        log.exception("a check broke", extra={"id": row_id})
        _reject_broken(runtime, held)


def _prepare(runtime: WorkerRuntime, held: Claim, place: Workplace) -> None:
    limits = limits_spec(runtime.settings)
    with runtime.database.reading() as session:
        if held.kind is MODELS:
            model = session.get_one(Model, held.id)
            upload = session.get_one(Upload, model.upload_id)
            spec: dict[str, Any] = {"task": "check_model", "model": model_spec(model, upload), "limits": limits}
            target = MODEL_FILE
        else:
            dataset = session.get_one(Dataset, held.id)
            found = session.get(Upload, dataset.upload_id) if dataset.upload_id else None
            spec = {"task": "check_dataset", "dataset": dataset_spec(dataset, found), "limits": limits}
            upload, target = found, DATASET_FILE  # type: ignore[assignment]
    if upload is not None:
        runtime.storage.fetch(upload.storage_key, place.inputs / target)
    place.write_spec(spec)


def _conclude(runtime: WorkerRuntime, held: Claim, outcome: Outcome) -> None:
    with runtime.database.transaction() as session:
        match outcome:
            case Done(result):
                lifecycle.succeed(session, held, summary=_summary(result))
            case Failed(code, detail):
                lifecycle.fail(session, held, code=code, detail=detail)
            case Died(why):
                what = "model" if held.kind is not DATASETS else "dataset"
                detail = f"Opening the {what} ended the process ({why}), most likely for want of memory; send less."
                lifecycle.fail(session, held, code=f"{what}_too_heavy", detail=detail)
            case Stopped("shutdown"):
                lifecycle.release(session, held)
                ring_after_commit(session, runtime.celery, held.kind, held.id)
            case Stopped(_):
                raise LostLease(f"{held.kind.name} {held.id}")


def _summary(result: dict[str, Any]) -> dict[str, Any]:
    """The child's findings, kept short: it has read hostile bytes."""
    return dict(list(result.items())[:_MOST_SUMMARY])


def _reject_broken(runtime: WorkerRuntime, held: Claim) -> None:
    detail = "Something broke in the worker; its log says what. Register the file again, or tell the operator its id."
    with runtime.database.transaction() as session:
        lifecycle.fail(session, held, code="internal", detail=detail)


def _hear_nothing(_lines: Lines) -> None:
    return None
