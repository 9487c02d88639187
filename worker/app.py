"""The Celery application: `celery -A worker.app worker --queues jobs`."""

from celery import Celery
from celery.signals import setup_logging, worker_shutting_down

from sdb_service.broker import make_celery
from sdb_service.logs import configure_logs
from sdb_service.settings import Settings
from worker.supervisor.shutdown import SHUTDOWN

settings = Settings()
app: Celery = make_celery(settings)
app.conf.update(imports=("worker.tasks",))


@setup_logging.connect
def _configure_logs(**_: object) -> None:
    configure_logs(settings.log_level)


@worker_shutting_down.connect
def _begin_shutdown(**_: object) -> None:
    SHUTDOWN.set()
