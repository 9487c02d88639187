"""Sealed keys in a database, many at a time, and what reads them all the while."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import func, insert, select

from sdb_service.db import Database
from sdb_service.ids import new_id
from sdb_service.runtime import Runtime
from sdb_service.sealing import Sealer, head_of, key_context, seal, unseal
from sdb_service.secret import Secret
from sdb_service.tables import SealedKey

SealRow = Callable[[Secret, str], bytes]


def kappa_of(key_id: str) -> Secret:
    """What the row of this id holds."""
    return Secret(random.Random(key_id).randbytes(256))


def context_of(row: SealedKey) -> str:
    return key_context(account_id=row.account_id, box_id=row.box_id, key_id=row.id, version=row.version)


def sealing_with(sealer: Sealer) -> SealRow:
    return lambda value, context: seal(value, context=context, keys=sealer)


def add_keys(database: Database, count: int, seal_row: SealRow) -> list[str]:
    """So many rows, each with a kappa that its id tells; their ids."""
    rows = []
    for _ in range(count):
        key_id, box_id = new_id("key"), new_id("box")
        context = key_context(account_id="acc_1", box_id=box_id, key_id=key_id, version=1)
        sealed = seal_row(kappa_of(key_id), context)
        rows.append(
            {"id": key_id, "account_id": "acc_1", "box_id": box_id, "version": 1, "shape": [1, 8, 8], "sealed": sealed}
        )
    with database.transaction() as session:
        session.execute(insert(SealedKey), rows)
    return [row["id"] for row in rows]  # type: ignore[misc]


def opens(runtime: Runtime, key_id: str) -> bool:
    """Whether a row is read and opened to what it should hold."""
    with runtime.database.reading() as session:
        row = session.get_one(SealedKey, key_id)
    return unseal(row.sealed, context=context_of(row), keys=runtime.keys) == kappa_of(key_id)


def under(database: Database, kek_id: str) -> int:
    """How many rows say that they are under this key."""
    head = head_of(kek_id)
    with database.reading() as session:
        matching = func.substr(SealedKey.sealed, 1, len(head)) == head
        return session.execute(select(func.count()).select_from(SealedKey).where(matching)).scalar_one()


@dataclass
class Readers:
    """Threads that open rows at random until they are told to stop."""

    reads: int = 0
    failures: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def read(self, runtime: Runtime, key_ids: list[str]) -> None:
        chance = random.Random()
        while not self.over.is_set():
            key_id = chance.choice(key_ids)
            try:
                if not opens(runtime, key_id):
                    self.failures.append(f"{key_id} held something else")
            except Exception as error:  # noqa: BLE001 - any failure at all is counted
                self.failures.append(f"{key_id}: {type(error).__name__} {error}")
            self.reads += 1
            time.sleep(0.002)  # a rotation on few cores must come forward, too


@contextmanager
def reading(runtime: Runtime, key_ids: list[str], *, threads: int = 2) -> Iterator[Readers]:
    """Readers for the length of the block."""
    readers = Readers()
    running = [threading.Thread(target=readers.read, args=(runtime, key_ids)) for _ in range(threads)]
    for thread in running:
        thread.start()
    try:
        yield readers
    finally:
        readers.over.set()
        for thread in running:
            thread.join()
