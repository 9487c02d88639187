"""Finding what pages show together: names for ids, and counts. Everything goes through the domains' own visibility."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from api.accounts.queries import visible_accounts
from api.boxes.queries import own_boxes
from api.datasets.queries import visible_datasets
from api.deps import owned
from api.jobs import schemas
from api.jobs.queries import visible_jobs
from api.licenses.queries import visible_licenses
from api.models.queries import visible_models
from sdb_service.identity import Caller
from sdb_service.tables import Account, Box, Dataset, Job, JobEvent, License, Model


def counts(session: Session, caller: Caller) -> dict[str, int]:
    """How many there are of each kind among those the caller may see."""
    statements: dict[str, Select[Any]] = {
        "jobs": visible_jobs(caller),
        "running": visible_jobs(caller).where(Job.state.in_(("queued", "running"))),
        "boxes": own_boxes(caller),
        "published": own_boxes(caller).where(Box.published_at.is_not(None)),
        "licenses": visible_licenses(caller),
        "active": visible_licenses(caller).where(License.state == "active"),
        "models": visible_models(caller),
        "datasets": visible_datasets(caller),
    }
    return {name: _count(session, statement) for name, statement in statements.items()}


def latest_jobs(session: Session, caller: Caller, *, limit: int) -> list[Job]:
    return list(session.execute(visible_jobs(caller).order_by(Job.id.desc()).limit(limit)).scalars())


def last_event_id(session: Session, job_id: str) -> int:
    """Where a job's story stands now, of whatever kind its last line is."""
    return session.execute(select(func.max(JobEvent.id)).where(JobEvent.job_id == job_id)).scalar_one() or 0


def latest_boxes(session: Session, caller: Caller, *, limit: int) -> list[Box]:
    return list(session.execute(own_boxes(caller).order_by(Box.id.desc()).limit(limit)).scalars())


def licenses_of_box(session: Session, caller: Caller, box_id: str) -> list[License]:
    statement = visible_licenses(caller).where(License.box_id == box_id)
    return list(session.execute(statement.order_by(License.id.desc()).limit(100)).scalars())


def source_names(session: Session, caller: Caller, jobs: Sequence[schemas.Job]) -> dict[str, str]:
    """Names of the models and datasets of the caller's jobs, also of those deleted since."""
    models = owned(select(Model), Model, caller).where(Model.id.in_({job.model_id for job in jobs}))
    datasets = owned(select(Dataset), Dataset, caller).where(Dataset.id.in_({job.dataset_id for job in jobs}))
    found: list[Model | Dataset] = [*session.execute(models).scalars(), *session.execute(datasets).scalars()]
    return {row.id: row.name for row in found}


def box_names(session: Session, box_ids: Iterable[str]) -> dict[str, str]:
    """Names of boxes; ask only for those of licenses that the caller gave or holds."""
    statement = select(Box).where(Box.id.in_(set(box_ids)))
    return {box.id: box.name for box in session.execute(statement).scalars()}


def account_names(session: Session, caller: Caller, ids: Iterable[str | None]) -> dict[str, str]:
    """Names of accounts as far as the caller may see accounts at all; the others stay ids."""
    statement = visible_accounts(caller).where(Account.id.in_({each for each in ids if each}))
    return {account.id: account.name for account in session.execute(statement).scalars()}


def customers(session: Session, caller: Caller) -> list[Account]:
    """Accounts to offer in the form that grants a license; empty for those who see no accounts but their own."""
    statement = visible_accounts(caller).where(Account.role == "customer").order_by(Account.name)
    return list(session.execute(statement.limit(200)).scalars())


def _count(session: Session, statement: Select[Any]) -> int:
    return session.execute(select(func.count()).select_from(statement.subquery())).scalar_one()
