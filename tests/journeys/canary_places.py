"""Where a key could have gone: files, rows, the write-ahead log, the broker, the bucket, processes, and answers."""

import os
import re
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import boto3
import httpx2
import psutil
import redis
from sqlalchemy import text
from sqlalchemy.orm import Session

from sdb_service.db import Database
from sdb_service.settings import Settings
from sdb_service.tables import metadata

_EVERY_SECONDS = 0.2
_ISSUE = re.compile(r"/v1/licenses/[^/]+/key$")


def places(settings: Settings, folder: Path) -> Iterator[tuple[str, bytes]]:
    """Everything the service has written: logs, files, broker, database rows and its log, bucket."""
    for path in folder.rglob("*"):
        if path.is_file():
            yield str(path.relative_to(folder)), path.read_bytes()
    yield from _rows(settings)
    if settings.database_url.startswith("postgresql"):
        yield from _write_ahead_log(settings)
    if settings.s3_bucket:
        yield from _objects(settings)
    if settings.broker_url:
        broker = redis.Redis.from_url(settings.broker_url)
        for name in broker.scan_iter():
            yield f"redis {name!r}", broker.dump(name) or b""
            yield f"redis {name!r}", _redis_value(broker, name)
        broker.close()


def process_places(pids: Iterable[int]) -> Iterator[tuple[str, bytes]]:
    """What every user of the machine may see of these processes and of all that they started."""
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            for process in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
                for name in ("environ", "cmdline"):
                    with suppress(OSError):  # it ended meanwhile
                        yield f"/proc {name}", Path(f"/proc/{process.pid}/{name}").read_bytes()


@contextmanager
def watched_processes(pids: Iterable[int]) -> Iterator[set[tuple[str, bytes]]]:
    """The same, again and again for the length of the block: children come and go."""
    seen: set[tuple[str, bytes]] = set()
    over = threading.Event()
    pids = list(pids)

    def watch() -> None:
        while not over.wait(_EVERY_SECONDS):
            seen.update(process_places(pids))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


class Answers(httpx2.BaseTransport):
    """A way to the service that keeps every answer but that to the issue call."""

    def __init__(self) -> None:
        self._way = httpx2.HTTPTransport()
        self.kept: list[tuple[str, bytearray]] = []

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        answer = self._way.handle_request(request)
        if _ISSUE.search(request.url.path):
            return answer
        kept = bytearray(repr(answer.headers.raw).encode())
        self.kept.append((f"answer to {request.method} {request.url.path}", kept))
        assert isinstance(answer.stream, httpx2.SyncByteStream)
        stream = _Kept(answer.stream, kept)
        return httpx2.Response(answer.status_code, headers=answer.headers, stream=stream, extensions=answer.extensions)

    def close(self) -> None:
        self._way.close()

    def places(self) -> Iterator[tuple[str, bytes]]:
        return ((name, bytes(content)) for name, content in list(self.kept))


class _Kept(httpx2.SyncByteStream):
    def __init__(self, stream: httpx2.SyncByteStream, kept: bytearray) -> None:
        self._stream, self._kept = stream, kept

    def __iter__(self) -> Iterator[bytes]:
        for part in self._stream:
            self._kept += part
            yield part

    def close(self) -> None:
        self._stream.close()


def _rows(settings: Settings) -> Iterator[tuple[str, bytes]]:
    database = Database(settings.effective_database_url)
    with Session(database.engine) as session:
        for table in metadata.sorted_tables:
            for row in session.execute(text(f"SELECT * FROM {table.name}")):
                values = [bytes(v) if isinstance(v, (bytes, memoryview)) else str(v).encode() for v in row]
                yield f"table {table.name}", b"\n".join(values)
    database.close()


def _write_ahead_log(settings: Settings) -> Iterator[tuple[str, bytes]]:
    database = Database(settings.effective_database_url)
    with Session(database.engine) as session:
        folder = Path(session.execute(text("SHOW data_directory")).scalar_one())
    database.close()
    if os.access(folder, os.R_OK):
        for path in (folder / "pg_wal").glob("0*"):
            yield f"pg_wal {path.name}", path.read_bytes().rstrip(b"\0")


def _objects(settings: Settings) -> Iterator[tuple[str, bytes]]:
    secret = settings.s3_secret_access_key
    s3 = boto3.client(
        "s3",
        endpoint_url=settings.s3_endpoint_url,
        region_name=settings.s3_region,
        aws_access_key_id=settings.s3_access_key_id,
        aws_secret_access_key=secret.get_secret_value() if secret else None,
    )
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=settings.s3_bucket):
        for entry in page.get("Contents", []):
            yield f"s3 {entry['Key']}", s3.get_object(Bucket=settings.s3_bucket, Key=entry["Key"])["Body"].read()


def _redis_value(broker: "redis.Redis", name: bytes) -> bytes:
    """The value as it was given: the server's own dump may be compressed."""
    kind = broker.type(name)
    if kind == b"string":
        return bytes(broker.get(name) or b"")  # type: ignore[arg-type]
    if kind == b"list":
        return b"\n".join(broker.lrange(name, 0, -1))  # type: ignore[arg-type]
    if kind == b"hash":
        return b"\n".join(broker.hgetall(name).values())  # type: ignore[union-attr]
    return b""
