"""Looking for key bytes where they must not be: in every text and byte form somebody could have written them."""

import base64
from collections.abc import Iterator
from pathlib import Path

import boto3
import numpy as np
import numpy.typing as npt
import redis
from sqlalchemy import text
from sqlalchemy.orm import Session

from sdb_service.db import Database
from sdb_service.settings import Settings
from sdb_service.tables import metadata

_RUN = 24  # bytes of the key in a row that give it away
_NUMBERS = 3  # printed numbers in a row that do


def needles(kappa: npt.NDArray[np.float32]) -> list[bytes]:
    """Pieces of the key in raw, hex, base64 (three phases) and as printed numbers."""
    found: list[bytes] = []
    raw = kappa.astype("<f4").tobytes()
    for start in range(0, len(raw) - _RUN, _RUN):
        piece = raw[start : start + _RUN]
        found += [piece, piece.hex().encode(), piece.hex().upper().encode()]
        for phase in range(3):
            found.append(base64.b64encode(piece[phase : phase + 18])[2:22])
            found.append(base64.urlsafe_b64encode(piece[phase : phase + 18])[2:22])
    values = kappa.ravel().tolist()
    for start in range(0, len(values) - _NUMBERS, _NUMBERS):
        row = values[start : start + _NUMBERS]
        found += [", ".join(f"{value:.5g}" for value in row).encode(), ",".join(repr(value) for value in row).encode()]
        found += [", ".join(f"{value:.4f}" for value in row).encode(), ", ".join(repr(value) for value in row).encode()]
    return found


def leaks(places: Iterator[tuple[str, bytes]], pieces: list[bytes]) -> list[str]:
    """The names of places that hold a piece of the key."""
    return [name for name, content in places if any(piece in content for piece in pieces)]


def places(settings: Settings, folder: Path) -> Iterator[tuple[str, bytes]]:
    """Everything the service has written: logs, files, broker, database rows, bucket."""
    for path in folder.rglob("*"):
        if path.is_file():
            yield str(path.relative_to(folder)), path.read_bytes()
    yield from _rows(settings)
    if settings.s3_bucket:
        yield from _objects(settings)
    if settings.broker_url:
        broker = redis.Redis.from_url(settings.broker_url)
        for name in broker.scan_iter():
            yield f"redis {name!r}", broker.dump(name) or b""


def _rows(settings: Settings) -> Iterator[tuple[str, bytes]]:
    database = Database(settings.effective_database_url)
    with Session(database.engine) as session:
        for table in metadata.sorted_tables:
            for row in session.execute(text(f"SELECT * FROM {table.name}")):
                values = [bytes(v) if isinstance(v, (bytes, memoryview)) else str(v).encode() for v in row]
                yield f"table {table.name}", b"\n".join(values)
    database.close()


def _objects(settings: Settings) -> Iterator[tuple[str, bytes]]:
    secret = settings.s3_secret_access_key
    s3 = boto3.client(
        "s3",
        endpoint_url=settings.s3_endpoint_url,
        region_name=settings.s3_region,
        aws_access_key_id=settings.s3_access_key_id,
        aws_secret_access_key=secret.get_secret_value() if secret else None,
    )
    for entry in s3.list_objects_v2(Bucket=settings.s3_bucket).get("Contents", []):
        yield f"s3 {entry['Key']}", s3.get_object(Bucket=settings.s3_bucket, Key=entry["Key"])["Body"].read()
