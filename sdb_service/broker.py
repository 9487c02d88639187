"""Celery as the doorbell: who is rung and over what. The truth about work lies in the rows, never here."""

import logging
from pathlib import Path
from typing import Any

from celery import Celery
from kombu.exceptions import OperationalError
from sqlalchemy.orm import Session

from sdb_service.db import after_commit
from sdb_service.lifecycle import Kind
from sdb_service.messages import QUEUE_CHECKS, SWEEP, doorbell
from sdb_service.settings import Settings

log = logging.getLogger(__name__)

# One try at a broker that is down, and two seconds for it: the sweeper rings again. The default waits six.
_IMPATIENT = {"max_retries": 0, "interval_start": 0, "socket_connect_timeout": 2}


def make_celery(settings: Settings) -> Celery:
    """The Celery application: JSON only, no results kept, messages acknowledged early."""
    (settings.data_dir / "beat").mkdir(parents=True, exist_ok=True)
    app = Celery("sdb", broker=settings.broker_url or "filesystem://localhost//", set_as_current=False)
    app.conf.update(
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        task_acks_late=False,
        task_default_queue=QUEUE_CHECKS,
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_send_task_events=False,
        broker_connection_retry_on_startup=True,
        broker_transport_options=_folder_options(settings) if settings.embedded_broker else _IMPATIENT,
        beat_schedule={
            "sweep": {
                "task": SWEEP,
                "schedule": settings.sweep_seconds,
                "options": {"queue": QUEUE_CHECKS, "expires": 60},
            }
        },
        beat_schedule_filename=str(settings.data_dir / "beat" / "schedule"),
        timezone="UTC",
    )
    return app


def ring(celery: Celery, kind: Kind, row_id: str) -> None:
    """Tell the workers that a row waits. A broker that is down delays the work; the sweeper rings again."""
    bell = doorbell(kind)
    try:
        celery.send_task(bell.task, kwargs={bell.argument: row_id}, queue=bell.queue, retry=False)
    except (OperationalError, OSError) as error:
        log.warning("the doorbell is out of order; the sweeper will ring again", extra={"reason": type(error).__name__})


def ring_after_commit(session: Session, celery: Celery, kind: Kind, row_id: str) -> None:
    """Ring once the row is really there."""
    after_commit(session, lambda: ring(celery, kind, row_id))


def _folder_options(settings: Settings) -> dict[str, Any]:
    messages, control = settings.data_dir / "broker" / "messages", settings.data_dir / "broker" / "control"
    for folder in (messages, control):
        Path(folder).mkdir(parents=True, exist_ok=True)
    return {
        "data_folder_in": str(messages),
        "data_folder_out": str(messages),
        "control_folder": str(control),
        "polling_interval": 0.2,
    }
