"""One process of the node: started in a session of its own, ended with all it started."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil
from pydantic import SecretStr

from sdb_service.settings import Settings

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
_LOG_BYTES = 10 * 2**20
_TOLD_LINES = 8


class Child:
    """A running process whose output goes to the file `log`."""

    def __init__(self, name: str, command: Sequence[str], *, env: Mapping[str, str], log: Path) -> None:
        self.name = name
        self._log = log
        _turn_over(log)
        with log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - our own command; see _die_with_parent
                list(command),
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_die_with_parent if _LIBC is not None else None,  # noqa: PLW1509 - one call into libc
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def why_dead(self) -> str | None:
        """How it ended and what it said last, or None while it lives."""
        status = self._process.poll()
        if status is None:
            return None
        how = f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
        return f"{how}; its log {self._log} ends with:\n{self._last_words()}"

    def ask_to_stop(self) -> None:
        """SIGTERM to the process alone: it winds down what it started in its own order."""
        if self._process.poll() is None:
            self._process.terminate()

    def end(self, *, within: float) -> None:
        """Wait `within` seconds for it to stop, then end it and everything that it started and left behind."""
        left_behind = self._descendants()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=within)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        for process in left_behind:  # also those that opened a session of their own
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self._process.wait()

    def _descendants(self) -> list[psutil.Process]:
        with contextlib.suppress(psutil.NoSuchProcess):
            found: list[psutil.Process] = psutil.Process(self._process.pid).children(recursive=True)
            return found
        return []

    def _last_words(self) -> str:
        lines = self._log.read_text(errors="replace").splitlines()
        return "\n".join(f"  {line}" for line in lines[-_TOLD_LINES:])


def environment_of(settings: Settings, *, inherited: Mapping[str, str] | None, public_url: str) -> dict[str, str]:
    """The environment that gives a process these very settings, wherever ours came from."""
    base = os.environ if inherited is None else inherited  # noqa: TID251 - handed on, not read
    prefix = settings.model_config.get("env_prefix", "")
    ours = {f"{prefix}{name}".upper() for name in type(settings).model_fields}
    env = {name: value for name, value in base.items() if name.upper() not in ours}
    for name, value in settings:
        if value is not None:
            env[f"{prefix}{name}".upper()] = _as_text(value)
    return env | {f"{prefix}PUBLIC_URL": public_url, "PYTHONUNBUFFERED": "1"}


def worker_environment(settings: Settings, env: Mapping[str, str]) -> dict[str, str]:
    """The same for a worker: it is told where the public half lies, the workers' own key and the audit log's, and no
    private key."""
    public, own = settings.effective_kek_public_file, settings.effective_worker_key_file
    closed = {"SDB_KEK_FILE": os.devnull, "SDB_TOKEN_KEY_FILE": os.devnull}
    given = {"KEK_PUBLIC_FILE": public, "WORKER_KEY_FILE": own, "AUDIT_KEY_FILE": settings.effective_audit_key_file}
    return {**env, **closed, **{f"SDB_{name}": str(path.absolute()) for name, path in given.items()}}


def _as_text(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return str(value.absolute() if isinstance(value, Path) else value)


def _turn_over(log: Path) -> None:
    """Keep the last log beside the new one once it has grown large."""
    if log.exists() and log.stat().st_size > _LOG_BYTES:
        log.replace(log.with_suffix(".log.1"))


def _die_with_parent() -> None:
    """In the new process, before its program: on Linux it is told to stop when its parent dies, however it dies."""
    assert _LIBC is not None
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
