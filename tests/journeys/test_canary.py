"""The search for leaks finds each of twenty that are planted, and nothing where there is nothing."""

import base64
import gzip
import io
import json
import os
import sqlite3
import subprocess
import sys
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx2
import numpy as np
import pytest

from sdb_service.sealing import LocalKeyEncryption, seal
from sdb_service.secret import Secret
from tests.journeys.canary import leaks, needles
from tests.journeys.canary_places import Answers, process_places

pytestmark = pytest.mark.trust

KAPPA = np.random.default_rng(0).normal(size=(1, 8, 8)).astype(np.float32)
RAW = KAPPA.tobytes()
NOISE = np.random.default_rng(1).bytes(5000)


def _zip() -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, kappa=KAPPA)
    return file.getvalue()


def _deleted_row(folder: Path) -> bytes:
    path = folder / "a.db"
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA secure_delete=OFF")  # some builds wipe by themselves
        database.execute("CREATE TABLE t (x BLOB)")
        database.execute("INSERT INTO t VALUES (?)", (RAW,))
        database.commit()
        database.execute("DELETE FROM t")
    database.close()
    return path.read_bytes()


def _in_a_process(folder: Path, *, environ: bool) -> bytes:
    hexed = RAW.hex()
    command = [sys.executable, "-c", "input()", *([] if environ else [hexed])]
    env = dict(os.environ) | ({"KAPPA": hexed} if environ else {})
    with subprocess.Popen(command, env=env, stdin=subprocess.PIPE) as process:
        found = dict(process_places([process.pid]))
        process.communicate(b"\n")
    return found["/proc environ" if environ else "/proc cmdline"]


def _write_ahead_log(folder: Path) -> bytes:
    database = sqlite3.connect(folder / "b.db")
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("CREATE TABLE t (x BLOB)")
    database.execute("INSERT INTO t VALUES (?)", (RAW,))
    database.commit()
    found = (folder / "b.db-wal").read_bytes()
    database.close()
    return found


def _numbers(form: Callable[[float], str], mark: str) -> bytes:
    return mark.join(form(value) for value in KAPPA.ravel().tolist()).encode()


PLANTED: dict[str, Callable[[Path], bytes]] = {
    "raw": lambda _: RAW,
    "raw in noise": lambda _: NOISE + RAW[40:120] + NOISE,
    "hex": lambda _: RAW.hex().encode(),
    "base64, first phase": lambda _: base64.b64encode(RAW),
    "base64, second phase": lambda _: base64.b64encode(b"x" + RAW),
    "base64, third phase": lambda _: base64.encodebytes(b"xx" + RAW),
    "base64 for addresses": lambda _: base64.urlsafe_b64encode(RAW),
    "repr of bytes": lambda _: repr(RAW).encode(),
    "list of bytes": lambda _: json.dumps(list(RAW)).encode(),
    "JSON of floats": lambda _: json.dumps(KAPPA.tolist()).encode(),
    "floats rounded in a log": lambda _: _numbers("{:.4f}".format, ", "),
    "floats as CSV": lambda _: _numbers(lambda value: str(np.float32(value)), "\n"),
    "doubles": lambda _: KAPPA.astype(np.float64).tobytes(),
    "zlib": lambda _: NOISE + zlib.compress(RAW, 9) + NOISE,
    "gzip of JSON, in base64": lambda _: base64.b64encode(gzip.compress(json.dumps(KAPPA.tolist()).encode())),
    "npz": lambda _: _zip(),
    "deleted row": _deleted_row,
    "write-ahead log": _write_ahead_log,
    "environment of a process": lambda folder: _in_a_process(folder, environ=True),
    "command line of a process": lambda folder: _in_a_process(folder, environ=False),
}


def test_there_are_twenty() -> None:
    assert len(PLANTED) == 20


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_leak_is_found(tmp_path: Path, name: str) -> None:
    assert leaks([("here", NOISE), (name, PLANTED[name](tmp_path))], needles(KAPPA)) == [name]


def test_a_piece_of_one_tenth_is_enough() -> None:
    found = [leaks([("here", NOISE + RAW[start : start + 48])], needles(KAPPA)) for start in range(0, 200, 7)]
    assert [piece for piece in found if not piece] == []


def test_what_is_sealed_or_of_another_key_is_no_leak(tmp_path: Path) -> None:
    other = np.random.default_rng(2).normal(size=(1, 8, 8)).astype(np.float32)
    sealed = seal(Secret(RAW), context="a|b|c|1", keys=LocalKeyEncryption(tmp_path / "kek"))
    clean = [
        ("noise", NOISE),
        ("sealed", sealed),
        ("other", other.tobytes()),
        ("list", json.dumps(other.tolist()).encode()),
    ]
    assert leaks([*clean, ("zip", zlib.compress(b"nothing" * 1000))], needles(KAPPA)) == []


def test_a_zip_that_is_stored_is_looked_into() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("kappa", zlib.compress(RAW))
    assert leaks([("zip", file.getvalue())], needles(KAPPA)) == ["zip"]


@pytest.fixture
def chatty() -> Iterator[str]:
    """A server that answers with the key to everything."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(RAW)))
            self.end_headers()
            self.wfile.write(RAW)

        def log_message(self, format: str, *args: object) -> None:
            return None

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_every_answer_is_kept_but_that_to_the_issue_call(chatty: str) -> None:
    answers = Answers()
    with httpx2.Client(transport=answers) as http:
        assert http.get(f"{chatty}/v1/licenses/lic_1/key").content == RAW
        assert leaks(answers.places(), needles(KAPPA)) == []
        assert http.get(f"{chatty}/v1/licenses/lic_1").content == RAW
    assert leaks(answers.places(), needles(KAPPA)) == ["answer to GET /v1/licenses/lic_1"]
