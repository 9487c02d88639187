"""What it costs to find out whose token it is and whether it may.

    python -m bench.token_cost [--json] [--tokens 10000]

Milliseconds, the median and the 99th percentile, on SQLite with so many tokens in the table: `read`, as a route asks,
with a read of the database; `session`, the same with the opening of the session; `cached`, as predictions ask, which
remember for a second; `policy`, the row and the scope alone.
"""

import argparse
import asyncio
import hmac
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import migrations
from api import policy
from api.predictions.lookups import Lookups
from bench.rows import machine
from sdb_service import identity
from sdb_service.identity import Caller
from sdb_service.ids import new_id
from sdb_service.runtime import Runtime, open_runtime
from sdb_service.settings import Settings
from sdb_service.tables import Token

ROUNDS = 3000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON, and nothing else")
    parser.add_argument("--tokens", type=int, default=10_000, help="in the table")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        at = Path(folder)
        settings = Settings(data_dir=at / "data", kek_file=at / "kek", token_key_file=at / "token-key")
        migrations.upgrade(settings)
        runtime = open_runtime(settings)
        found = measure(runtime, tokens=options.tokens)
        runtime.database.close()
    if options.json:
        print(json.dumps({"machine": machine(), "tokens": options.tokens, "costs": found}, indent=1))
        return
    for name, numbers in found.items():
        print(f"{name:<8} {numbers['median_ms']:.4f} ms, 99% under {numbers['p99_ms']:.4f} ms")


def measure(runtime: Runtime, *, tokens: int, rounds: int = ROUNDS) -> dict[str, dict[str, float]]:
    """Median and 99th percentile of each way, in milliseconds."""
    text = _fill(runtime, tokens)
    key = runtime.token_key

    def session() -> Caller:
        with runtime.database.reading() as opened:
            return identity.caller_of_token(opened, text, key=key)

    caller = session()
    with runtime.database.reading() as opened:

        def read() -> Caller:
            opened.expunge_all()
            return identity.caller_of_token(opened, text, key=key)

        found = {"read": _timed(read, rounds)}
    found["session"] = _timed(session, rounds)
    found["cached"] = asyncio.run(_cached(runtime, text, caller, rounds))
    found["policy"] = _timed(lambda: policy.require(caller, "license.grant"), rounds)
    return found


async def _cached(runtime: Runtime, text: str, caller: Caller, rounds: int) -> dict[str, float]:
    lookups, key = Lookups[Caller](), runtime.token_key.reveal()

    def digest() -> bytes:
        return hmac.digest(key, text.encode(), "sha256")

    await lookups.get(digest(), lambda: caller)
    return _timed(lambda: lookups.peek(digest(), lambda: caller), rounds)


def _fill(runtime: Runtime, tokens: int) -> str:
    with runtime.database.transaction() as session:
        account = identity.create_account(session, "somebody", role="provider")
        _, text = identity.issue_token(session, account.id, name="x", key=runtime.token_key, scopes=["licenses:write"])
        rows = [
            Token(id=new_id("tok"), account_id=account.id, name="x", prefix="sdb_x", digest=f"{number:064x}")
            for number in range(tokens)
        ]
        session.add_all(rows)
    return text.reveal().decode()


def _timed(call: Callable[[], object], rounds: int) -> dict[str, float]:
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        call()
        times.append((time.perf_counter() - started) * 1000)
    times.sort()
    return {"median_ms": round(statistics.median(times), 4), "p99_ms": round(times[int(rounds * 0.99)], 4)}


if __name__ == "__main__":
    main()
