"""What is counted of an account, each as a sum over the rows that it stands for."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from sdb_service import clock
from sdb_service.tables import Dataset, IdempotentAnswer, Job, License, LoginLink, Model, Token, Upload

ACTIVE = ("queued", "running")
_DAY = 24 * 3600


@dataclass(frozen=True)
class Use:
    """What is there, and what is promised to work that has begun."""

    used: int
    reserved: int = 0

    @property
    def total(self) -> int:
        return self.used + self.reserved


@dataclass(frozen=True)
class Resource:
    """One thing that an account may use so much of; its usual limit is the setting `quota_` + `name`."""

    name: str
    what: str
    cure: str
    measure: Callable[[Session, str], Use]
    seconds_until: Callable[[Session, str, int], int] | None = None  # where time alone makes room under a limit


def _stored_bytes(session: Session, account_id: str) -> Use:
    finished, begun = Upload.state.in_(("complete", "freeing")), Upload.state == "open"
    uploads = _sums(session, Upload.account_id == account_id, [(Upload.size, finished), (Upload.size, begun)])
    made, running = Job.state == "succeeded", Job.state.in_(ACTIVE)
    jobs = _sums(session, Job.account_id == account_id, [(Job.stored_bytes, made), (Job.reserved_bytes, running)])
    return Use(uploads[0] + jobs[0], uploads[1] + jobs[1])


def _sums(session: Session, of: ColumnElement[bool], parts: list[tuple[Any, ColumnElement[bool]]]) -> list[int]:
    columns = [func.coalesce(func.sum(column).filter(where), 0) for column, where in parts]
    return [int(each) for each in session.execute(select(*columns).where(of)).one()]


def _counting(table: Any, *where: Callable[[], ColumnElement[bool]]) -> Callable[[Session, str], Use]:
    def measure(session: Session, account_id: str) -> Use:
        conditions = [make() for make in where]
        statement = select(func.count()).select_from(table).where(table.account_id == account_id, *conditions)
        return Use(session.execute(statement).scalar_one())

    return measure


def _open_checks(session: Session, account_id: str) -> Use:
    return Use(sum(count(session, account_id).used for count in _CHECKS))


def _this_day() -> ColumnElement[bool]:
    return Job.created_at > clock.after(-_DAY)


def _seconds_until_a_job(session: Session, account_id: str, limit: int) -> int:
    """When the oldest of the last `limit` jobs is a day old."""
    if limit == 0:
        return _DAY
    statement = select(Job.created_at).where(Job.account_id == account_id, _this_day())
    statement = statement.order_by(Job.created_at.desc()).offset(limit - 1).limit(1)
    begun = session.execute(statement).scalar_one()
    return max(1, int((begun + timedelta(seconds=_DAY) - clock.now()).total_seconds()) + 1)


_CHECKS = (
    _counting(Model, lambda: Model.state == "checking"),
    _counting(Dataset, lambda: Dataset.state == "checking"),
)
RESOURCES = (
    Resource(
        "stored_bytes",
        "bytes stored",
        "delete uploads, models or datasets that you no longer need",
        _stored_bytes,
    ),
    Resource(
        "uploads",
        "uploads",
        "delete uploads that nothing stands on, or models and datasets",
        _counting(Upload, lambda: Upload.state.in_(("open", "complete", "freeing"))),
    ),
    Resource(
        "open_uploads",
        "unfinished uploads",
        "finish or delete one",
        _counting(Upload, lambda: Upload.state == "open"),
    ),
    Resource(
        "active_jobs",
        "jobs that wait or run",
        "wait for one to end, or cancel one",
        _counting(Job, lambda: Job.state.in_(ACTIVE)),
    ),
    Resource("jobs_a_day", "jobs within 24 hours", "wait", _counting(Job, _this_day), _seconds_until_a_job),
    Resource("open_checks", "models and datasets under check", "wait for one to be checked", _open_checks),
    Resource(
        "tokens",
        "tokens",
        "revoke one",
        _counting(
            Token,
            lambda: Token.revoked_at.is_(None),
            lambda: or_(Token.expires_at.is_(None), Token.expires_at > clock.now()),
        ),
    ),
    Resource(
        "login_links",
        "unused login links",
        "use one, or wait until they run out",
        _counting(LoginLink, lambda: LoginLink.used_at.is_(None), lambda: LoginLink.expires_at > clock.now()),
    ),
    Resource("licenses", "licenses", "revoke one", _counting(License, lambda: License.state != "revoked")),
    Resource(
        "idempotency_keys",
        "answers kept for an Idempotency-Key",
        "leave the header out, or wait until they run out",
        _counting(IdempotentAnswer),
    ),
)
BY_NAME = {resource.name: resource for resource in RESOURCES}
