"""Deliveries to webhooks: claimed with a lease, tried for days with growing pauses, given up.

Who delivers leases the webhook, not the row: nobody gets two messages at once, a receiver that is slow or dead holds up
itself alone, and the webhook whose turn is longest ago comes first. Each attempt is counted before it is made, so
that a crash between sending and recording sends again, under the same id: at least once.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import SystemRandom

from sqlalchemy import ColumnElement, Select, delete, exists, func, literal, select, update
from sqlalchemy.orm import Session, aliased

from sdb_service import clock
from sdb_service.recording import record_act
from sdb_service.tables import Account, Webhook, WebhookDelivery

LEASE_SECONDS = 120.0  # longer than resolving a name and one attempt ever take
FIRST_PAUSE_SECONDS = 10.0
GROWTH = 4.0
LONGEST_PAUSE_SECONDS = 12 * 3600.0
JITTER = 0.2  # share of a pause, either way
GIVE_UP_AFTER = timedelta(days=3)  # some thirteen attempts
REST_SECONDS = 30.0  # of a webhook after a failure, before another of its messages is tried
KEPT_FOR = timedelta(days=30)

_random = SystemRandom()


@dataclass(frozen=True)
class Sending:
    """One attempt to tell one webhook; `attempt` is its fence."""

    id: str
    webhook_id: str
    account_id: str
    url: str
    sealed: bytes
    body: str
    attempt: int


@dataclass(frozen=True)
class Answered:
    """What came of an attempt; `error` is a stable code, None where the receiver took it."""

    status: int | None = None
    error: str | None = None
    answer: str | None = None


def pause_after(attempt: int) -> float:
    """Seconds until the next attempt: 10 s, 40 s, 160 s ... 12 h, each a little longer or shorter by chance."""
    pause = min(FIRST_PAUSE_SECONDS * GROWTH ** (attempt - 1), LONGEST_PAUSE_SECONDS)
    return pause * _random.uniform(1 - JITTER, 1 + JITTER)


def anything_due(session: Session) -> bool:
    """Whether a claim would find something: one cheap look."""
    return session.execute(_due_webhooks().limit(1)).first() is not None


def claim_delivery(session: Session) -> Sending | None:
    """Take the next message of the webhook whose turn it is; None where nothing is due."""
    # of two who ask at once each gets another
    chosen = _due_webhooks().limit(1).with_for_update(of=_CANDIDATE, skip_locked=True).scalar_subquery()
    leased = (
        update(Webhook)
        .where(Webhook.id == chosen, Webhook.free_at <= clock.now())
        .values(free_at=clock.after(LEASE_SECONDS), tried_at=clock.now())
        .returning(Webhook.id, Webhook.account_id, Webhook.url, Webhook.sealed)
    )
    webhook = session.execute(leased, execution_options={"synchronize_session": False}).one_or_none()
    if webhook is None:
        return None
    other = aliased(WebhookDelivery)
    oldest = select(other.id).where(other.webhook_id == webhook.id, _is_due(other)).order_by(other.next_at, other.id)
    counted = (
        update(WebhookDelivery)
        .where(WebhookDelivery.id == oldest.limit(1).scalar_subquery(), WebhookDelivery.state == "waiting")
        .values(attempts=WebhookDelivery.attempts + 1, tried_at=clock.now())
        .returning(WebhookDelivery.id, WebhookDelivery.body, WebhookDelivery.attempts)
    )
    row = session.execute(counted, execution_options={"synchronize_session": False}).one_or_none()
    if row is None:
        _free(session, webhook.id, seconds=0.0)
        return None
    return Sending(row.id, webhook.id, webhook.account_id, webhook.url, webhook.sealed, row.body, row.attempts)


def note_delivered(session: Session, sending: Sending, answered: Answered) -> None:
    """The receiver took it. A later attempt's word, if there is one, stands."""
    if _conclude(session, sending, answered, state="delivered"):
        statement = update(Webhook).where(Webhook.id == sending.webhook_id)
        session.execute(statement.values(free_at=clock.now(), failing_since=None))


def note_failed(session: Session, sending: Sending, answered: Answered, *, failing_days: float) -> None:
    """It did not arrive: again later, or given up; a webhook that failed for days, or is gone (410), is disabled."""
    pause = pause_after(sending.attempt)
    queued = select(WebhookDelivery.queued_at).where(WebhookDelivery.id == sending.id)
    queued_at = session.execute(queued).scalar_one_or_none()
    if queued_at is None:
        return
    is_over = clock.after(pause) - queued_at > GIVE_UP_AFTER
    if not _conclude(session, sending, answered, state="failed" if is_over else "waiting", pause=pause):
        return
    failing = update(Webhook).where(Webhook.id == sending.webhook_id)
    failing = failing.values(failing_since=func.coalesce(Webhook.failing_since, literal(clock.now(), _MOMENT)))
    since = session.execute(failing.returning(Webhook.failing_since)).scalar_one()
    _free(session, sending.webhook_id, seconds=min(pause, REST_SECONDS))
    if answered.status == 410:
        _give_up(session, sending, reason="gone")
    elif since is not None and clock.now() - since >= timedelta(days=failing_days):
        _give_up(session, sending, reason="failing")


def disable_webhook(session: Session, webhook_id: str, *, reason: str) -> bool:
    """Tell it nothing more; what waited has failed. False where it was disabled already."""
    statement = update(Webhook).where(Webhook.id == webhook_id, Webhook.state == "enabled")
    statement = statement.values(state="disabled", disabled_reason=reason)
    if session.execute(statement.returning(Webhook.id)).scalar_one_or_none() is None:
        return False
    waiting = update(WebhookDelivery).where(
        WebhookDelivery.webhook_id == webhook_id, WebhookDelivery.state == "waiting"
    )
    session.execute(waiting.values(state="failed", error="webhook_disabled"))
    return True


def enable_webhook(session: Session, webhook_id: str) -> bool:
    """Tell it what happens from now on. False where it was enabled already."""
    statement = update(Webhook).where(Webhook.id == webhook_id, Webhook.state == "disabled")
    statement = statement.values(state="enabled", disabled_reason=None, failing_since=None, free_at=clock.now())
    return session.execute(statement.returning(Webhook.id)).scalar_one_or_none() is not None


def queue_again(session: Session, delivery_id: str) -> bool:
    """Tell the same once more, from the first attempt on; False where it still waits or its webhook is disabled."""
    enabled = exists().where(Webhook.id == WebhookDelivery.webhook_id, Webhook.state == "enabled")
    statement = update(WebhookDelivery).where(
        WebhookDelivery.id == delivery_id, WebhookDelivery.state != "waiting", enabled
    )
    # `attempts` goes on counting, for it is the fence; the days in which it is tried start anew.
    values = {"state": "waiting", "queued_at": clock.now(), "next_at": clock.now()}
    found = session.execute(
        statement.values(**values).returning(WebhookDelivery.id), execution_options={"synchronize_session": False}
    )
    return found.scalar_one_or_none() is not None


def forget_old_deliveries(session: Session) -> None:
    """Drop what was told or given up a month ago."""
    old = WebhookDelivery.created_at < clock.now() - KEPT_FOR
    session.execute(delete(WebhookDelivery).where(old, WebhookDelivery.state != "waiting"))


_MOMENT = Webhook.failing_since.type
_CANDIDATE = aliased(Webhook)


def _due_webhooks() -> Select[str]:
    webhook = _CANDIDATE
    statement = select(webhook.id).join(Account, Account.id == webhook.account_id)
    return statement.where(
        webhook.state == "enabled",
        webhook.free_at <= clock.now(),
        Account.closed_at.is_(None),
        webhook.id.in_(select(WebhookDelivery.webhook_id).where(_is_due(WebhookDelivery))),
    ).order_by(webhook.tried_at, webhook.id)


def _is_due(table: type[WebhookDelivery]) -> ColumnElement[bool]:
    return (table.state == "waiting") & (table.next_at <= clock.now())


def _conclude(session: Session, sending: Sending, answered: Answered, *, state: str, pause: float = 0.0) -> bool:
    """Write what came of this attempt, unless a later one has begun or somebody ended it."""
    statement = update(WebhookDelivery).where(
        WebhookDelivery.id == sending.id,
        WebhookDelivery.attempts == sending.attempt,
        WebhookDelivery.state == "waiting",
    )
    values: dict[str, datetime | str | int | None] = {
        "state": state,
        "next_at": clock.after(pause),
        "status": answered.status,
        "error": answered.error,
        "answer": answered.answer,
    }
    return session.execute(statement.values(**values).returning(WebhookDelivery.id)).scalar_one_or_none() is not None


def _free(session: Session, webhook_id: str, *, seconds: float) -> None:
    session.execute(update(Webhook).where(Webhook.id == webhook_id).values(free_at=clock.after(seconds)))


def _give_up(session: Session, sending: Sending, *, reason: str) -> None:
    if disable_webhook(session, sending.webhook_id, reason=reason):
        detail = {"reason": reason}
        record_act(session, None, "webhook.disable", sending.webhook_id, owner=sending.account_id, detail=detail)
