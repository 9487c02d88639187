"""What trust costs: a key issued through the whole application, a data key wrapped and unwrapped.

    python -m bench.trust_costs [--json FILE]

Median and 99th percentile in milliseconds, in one process on the embedded profile; the client's own work is in them.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from fastapi.testclient import TestClient
from sqlalchemy import select

from api.app import create_app
from bench.rows import Row, latency_row, machine
from bench.servers.sdb import Prepared, prepare
from sdb_service.runtime import Runtime, open_runtime
from sdb_service.secret import Secret
from sdb_service.settings import Settings
from sdb_service.tables import License

TIMES = 300
CONTEXT = "acc_1|box_1|key_1|1"


def key_issue(runtime: Runtime, prepared: Prepared, *, times: int = TIMES) -> Row:
    """GET /v1/licenses/{id}/key: token, license, count, unwrap, mark, audit row, answer; a key of 3x32x32."""
    with runtime.database.transaction() as session:
        license_ = session.execute(select(License)).scalars().one()
        license_.mode = "delivered"
    headers = {"Authorization": f"Bearer {prepared.token}"}
    with TestClient(create_app(runtime)) as http:

        def issue() -> None:
            answer = http.get(f"/v1/licenses/{license_.id}/key", headers=headers)
            if answer.status_code != 200:
                raise RuntimeError(f"no key was issued: {answer.text}")

        return timed(issue, times=times)


def wrap(runtime: Runtime, _prepared: Prepared, *, times: int = TIMES) -> Row:
    """A data key under the local public key."""
    return timed(lambda: runtime.keys.wrap(Secret(bytes(32)), CONTEXT), times=times)


def unwrap(runtime: Runtime, _prepared: Prepared, *, times: int = TIMES) -> Row:
    """The same with the private key."""
    wrapped = runtime.keys.wrap(Secret(bytes(32)), CONTEXT)
    return timed(lambda: runtime.keys.unwrap(wrapped, CONTEXT), times=times)


COSTS: dict[str, Callable[..., Row]] = {"key_issue": key_issue, "wrap": wrap, "unwrap": unwrap}


def measured(folder: Path, *, times: int = TIMES) -> dict[str, Row]:
    """Every cost, on a fresh service in `folder`."""
    prepared = prepare(folder, [(b"no network is run", "0" * 64)])
    keys = {"kek_file": folder / "keys" / "kek", "token_key_file": folder / "keys" / "token-key"}
    runtime = open_runtime(Settings(data_dir=folder / "data", requests_per_minute=10**9, **keys))
    rows = {name: cost(runtime, prepared, times=times) for name, cost in COSTS.items()}
    runtime.database.close()
    return rows


def timed(act: Callable[[], object], *, times: int) -> Row:
    """How long the act takes, once it is warm."""
    for _ in range(10):
        act()
    latencies = []
    for _ in range(times):
        start = time.perf_counter()
        act()
        latencies.append(time.perf_counter() - start)
    return latency_row(latencies)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write the numbers to this file")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = measured(Path(folder))
    for name, row in rows.items():
        print(f"{name:12} {row['p50_ms']:8.3f} ms, p99 {row['p99_ms']:8.3f} ms")
    if given.json:
        given.json.write_text(json.dumps({"machine": machine(), "costs": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
