"""From findings to alarms: rows that the box's owner reads, and lines in the audit log."""

import hashlib
import hmac
import ipaddress
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from api.boxes.queries import is_licensed
from api.monitoring.callers import Caller, Callers
from api.monitoring.judging import Finding, Limits, judge, told
from api.monitoring.watch import Watch
from sdb_service import clock
from sdb_service.identity import Caller as Account
from sdb_service.ids import new_id
from sdb_service.recording import record_act
from sdb_service.runtime import Runtime
from sdb_service.tables import Alarm, Box, Dataset, Job

log = logging.getLogger(__name__)

_PREFIXES = {4: 24, 6: 48}  # bits of an address that an owner is shown


def watching(runtime: Runtime) -> Watch:
    """The monitor of this process, as the settings want it."""
    callers = Callers(capacity=runtime.settings.monitor_callers)
    return Watch(callers, Alarms(runtime), is_on=runtime.settings.monitor)


@dataclass(frozen=True)
class _Facts:
    """What is asked of the database once for each box."""

    owner: str
    training_images: int | None


class Alarms:
    """Judges callers and tells the owners of their boxes."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._limits = Limits.of(runtime.settings)
        self._facts: dict[str, _Facts] = {}

    def __call__(self, touched: Sequence[Caller], callers: Callers) -> None:
        """Raise what is new of these callers; each kind once a day."""
        for caller in touched:
            if caller.evidence.seen >= self._limits.least_images:
                self._judge(caller, callers)

    def _judge(self, caller: Caller, callers: Callers) -> None:
        facts = self._facts.get(caller.box_id) or self._look_up(caller.box_id)
        numbers, others = caller.evidence.numbers(), callers.others(caller)
        found = judge(numbers, self._limits, others=others, training_images=facts.training_images)
        fresh = [finding for finding in found if finding.kind not in caller.told]
        if not fresh or self._may_distil(caller):
            return
        values = told(numbers, others, training_images=facts.training_images)
        with self._runtime.database.transaction() as session:
            for finding in fresh:
                self._raise(session, caller, finding, owner=facts.owner, values=values)
        caller.told.update(finding.kind for finding in fresh)

    def _raise(
        self, session: Session, caller: Caller, finding: Finding, *, owner: str, values: dict[str, object]
    ) -> None:
        alarm = Alarm(
            id=new_id("alm"),
            account_id=owner,
            box_id=caller.box_id,
            payer=caller.account_id or self._pseudonym(caller),
            caller_id=caller.account_id,
            network=None if caller.account_id else network_of(caller.payer),
            kind=finding.kind,
            day=clock.now().date(),
            since=caller.since,
            value=finding.value,
            threshold=finding.threshold,
            numbers=values,
        )
        try:
            with session.begin_nested():
                session.add(alarm)
        except IntegrityError:  # another process was first today
            return
        detail = {"alarm": alarm.id, "kind": alarm.kind, "caller": caller.account_id or alarm.network or alarm.payer}
        record_act(session, None, "box.alarm", caller.box_id, owner=owner, detail=detail)
        log.warning("alarm %s: %s of box %s by %s", alarm.id, alarm.kind, alarm.box_id, alarm.payer)

    def _may_distil(self, caller: Caller) -> bool:
        """Whether the caller holds a license: theirs are the questions of somebody who distils, and may."""
        if caller.account_id is None:
            return False
        with self._runtime.database.reading() as session:
            return is_licensed(session, Account(caller.account_id, "customer", ""), caller.box_id)

    def _pseudonym(self, caller: Caller) -> str:
        """Tells addresses apart before one box, and says neither which they are nor whether they asked another."""
        text = f"monitor {caller.box_id} {caller.payer}"
        return f"adr_{hmac.new(self._runtime.token_key.reveal(), text.encode(), hashlib.sha256).hexdigest()[:20]}"

    def _look_up(self, box_id: str) -> _Facts:
        statement = select(Box.account_id, Dataset.summary).where(Box.id == box_id)
        statement = statement.join(Job, Job.id == Box.job_id).join(Dataset, Dataset.id == Job.dataset_id)
        with self._runtime.database.reading() as session:
            owner, summary = session.execute(statement).one()
        count = (summary or {}).get("train")
        facts = self._facts[box_id] = _Facts(owner, count if isinstance(count, int) and count > 0 else None)
        return facts


def network_of(address: str) -> str | None:
    """The network of an address, without what names a single machine; None where it is no address."""
    try:
        bits = _PREFIXES[ipaddress.ip_address(address).version]
    except ValueError:
        return None
    return str(ipaddress.ip_network((address, bits), strict=False))
