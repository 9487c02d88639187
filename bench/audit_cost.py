"""What the audit log costs: one act, a walk over the whole log, its export, and looking for revocations.

    python -m bench.audit_cost --rows 100000 --json bench/results/audit_cost.json
    python -m bench.audit_cost --database postgresql+psycopg://...  (an empty database)

Milliseconds for an act are over transactions that do nothing else, with SQLite on this machine's disk unless
`--database` names another. `verify` is what `sdb audit verify` does, signed heads included.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import insert, update

import migrations
from api.audit.export import csv_lines
from api.audit.queries import Filters, every_event
from bench.rows import machine
from sdb_service import admin, audit, clock, identity
from sdb_service.audit import chain
from sdb_service.identity import Caller
from sdb_service.ids import new_id
from sdb_service.restoring import reconcile
from sdb_service.runtime import Runtime, open_runtime
from sdb_service.settings import Settings
from sdb_service.tables import AuditEvent, AuditHead

_AT_ONCE = 5000
_ACTS = 300


def main() -> None:
    given = _arguments()
    with tempfile.TemporaryDirectory() as folder:
        runtime = _opened(Path(folder), given.database)
        result = measured(runtime, rows=given.rows, tombstones=given.tombstones)
        runtime.database.close()
    text = json.dumps({"machine": machine(), **result}, indent=1)
    print(text)
    if given.json:
        given.json.write_text(f"{text}\n")


def measured(runtime: Runtime, *, rows: int, tombstones: int) -> dict[str, Any]:
    """All numbers, on a log of so many rows."""
    fill(runtime, rows)
    acts = [_seconds(lambda: _act(runtime)) for _ in range(_ACTS)]
    admin.audit_head(runtime)
    account = _revoked_tokens(runtime, tombstones)
    first = _seconds(lambda: reconcile(runtime.database, runtime.tombstones, runtime.signing))
    caller = Caller(account, "admin", "bench")
    busy = time.process_time()
    verify = _seconds(lambda: admin.audit_verify(runtime))
    busy = time.process_time() - busy
    return {
        "database": runtime.database.engine.dialect.name,
        "rows": rows + _ACTS,
        "act_ms_median": round(1000 * statistics.median(acts), 3),
        "verify_seconds": round(verify, 2),
        "verify_cpu_seconds": round(busy, 2),
        "export_seconds": round(_seconds(lambda: _export(runtime, caller)), 2),
        "head_idle_ms": round(1000 * _idle_head(runtime), 3),
        "tombstones": tombstones,
        "tombstones_first_written_seconds": round(first, 2),
        "compare_seconds": round(_seconds(lambda: reconcile(runtime.database, runtime.tombstones, runtime.signing)), 2),
    }


def fill(runtime: Runtime, rows: int) -> None:
    """A log of so many rows, as `audit.record` would have written them one by one."""
    key, made, proof, before = runtime.tombstones.key, [], "", chain.GENESIS
    for number in range(1, rows + 1):
        event = _event(number, before)
        event.hash = before = audit.digest(event, key=key, proof=proof)
        proof = chain.proof_of(number, before, 1, key=key)
        made.append({column.key: getattr(event, column.key) for column in AuditEvent.__table__.columns})
    with runtime.database.transaction() as session:
        for start in range(0, rows, _AT_ONCE):
            session.execute(insert(AuditEvent), made[start : start + _AT_ONCE])
        session.execute(update(AuditHead).values(number=rows, hash=before, keyed_from=1, proof=proof))


def _event(number: int, before: str) -> AuditEvent:
    return AuditEvent(
        id=new_id("evt"),
        number=number,
        at=clock.now(),
        action="license.key",
        actor_id="acc_01jd0000000000000000000000",
        user_id=None,
        account_id="acc_01jd0000000000000000000001",
        object_type="license",
        object_id="lic_01jd0000000000000000000000",
        detail={"box_id": "box_01jd0000000000000000000000", "download": number},
        address="192.0.2.1",
        request_id="4b0c7a52e1d84f6c9f1e",
        outcome="done",
        version=chain.KEYED,
        previous_hash=before,
    )


def _act(runtime: Runtime) -> None:
    with runtime.database.transaction() as session:
        audit.record(session, "box.publish", actor_id=None, account_id=None, object_type="box", object_id="box_1")


def _revoked_tokens(runtime: Runtime, count: int) -> str:
    with runtime.database.transaction() as session:
        account = identity.create_account(session, "bench", role="admin")
        for number in range(count):
            token, _ = identity.issue_token(session, account.id, name=str(number), key=runtime.token_key)
            token.revoked_at = clock.now()
        return account.id


def _idle_head(runtime: Runtime) -> float:
    runtime.keeper.sign_head()
    return statistics.median(_seconds(runtime.keeper.sign_head) for _ in range(100))


def _export(runtime: Runtime, caller: Caller) -> None:
    everything = Filters(action=None, object_id=None, actor=None, outcome=None, since=None, until=None)
    for _ in csv_lines(every_event(runtime.database, caller, everything)):
        pass


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _opened(folder: Path, database: str) -> Runtime:
    settings = Settings(
        data_dir=folder / "data",
        kek_file=folder / "keys" / "kek",
        token_key_file=folder / "keys" / "token-key",
        database_url=database,
    )
    migrations.upgrade(settings)
    return open_runtime(settings)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--tombstones", type=int, default=5000)
    parser.add_argument("--database", default="", help="SQLAlchemy address of an empty database; SQLite without it")
    parser.add_argument("--json", type=Path, help="where to write the numbers")
    return parser.parse_args()


if __name__ == "__main__":
    main()
