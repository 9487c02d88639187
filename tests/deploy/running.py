"""Running what docker-compose.yml names outside of a container, on the test servers."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.engine import make_url

from tests.deploy.description import ROOT, SECRETS, services, volume_at, with_defaults
from tests.servers.profiles import Profile

READY_SECONDS = 60
END_SECONDS = 30


class Running:
    """A process and what it has said so far."""

    def __init__(self, command: list[str], env: Mapping[str, str]) -> None:
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=dict(env), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.said: list[str] = []
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    @property
    def text(self) -> str:
        return "".join(self.said)

    def wait_for(self, words: str) -> None:
        """Wait until it says `words`; fails with all it said where it ends or takes too long."""
        end = time.monotonic() + READY_SECONDS
        while words not in self.text:
            assert self.process.poll() is None, f"it ended with {self.process.returncode}:\n{self.text}"
            assert time.monotonic() < end, f"it never said {words!r}:\n{self.text}"
            time.sleep(0.05)

    def stop(self) -> int:
        """End it as a container engine does, with SIGTERM; its exit status."""
        self.process.terminate()
        return self.finished()

    def finished(self) -> int:
        """Wait until it ends by itself; its exit status."""
        code = self.process.wait(END_SECONDS)
        self._listener.join(END_SECONDS)
        return code

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        self._listener.join(END_SECONDS)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        self.said.extend(iter(self.process.stdout.readline, ""))


class Stand:
    """The services of docker-compose.yml, with the test servers in the place of theirs."""

    def __init__(self, profile: Profile, folder: Path) -> None:
        self.profile = profile
        self.folder = folder
        for name in ("secrets", "keys", "worker-keys", "data"):
            (folder / name).mkdir()
        self._write_secrets()

    @contextmanager
    def running(
        self, service: str, *, arguments: Mapping[str, str] | None = None, env: Mapping[str, str] | None = None
    ) -> Iterator[Running]:
        """Start a service's own command, with some `arguments` of it and variables replaced."""
        words = [(arguments or {}).get(word, word) for word in services()[service]["command"]]
        started = Running(self.command(words), self.environment(service) | dict(env or {}))
        try:
            yield started
        finally:
            started.close()

    def command(self, words: list[str]) -> list[str]:
        """A command of the image as it reads here: programs from this environment, folders below the stand's."""
        places = {f"/{name}": str(self.folder / name) for name in ("keys", "worker-keys")}
        places["/run/secrets"] = str(self.folder / "secrets")
        program = shutil.which(words[0], path=str(Path(sys.executable).parent)) or shutil.which(words[0])
        assert program is not None, f"there is no {words[0]}"
        return [program, *(places.get(word, word) for word in words[1:])]

    def environment(self, service: str) -> dict[str, str]:
        """Exactly the variables that compose sets for the service; addresses and folders are the stand's."""
        here = self._replacements(self.folder / volume_at("/keys", service))
        set_by_compose = services()[service]["environment"]
        values = {name: here.get(name, with_defaults(str(value))) for name, value in set_by_compose.items()}
        assert not [value for value in values.values() if "${" in value]
        return {"PATH": os.environ["PATH"], "HOME": str(self.folder), **values}

    def _replacements(self, keys: Path) -> dict[str, str]:
        env = self.profile.env
        public = self.folder / "worker-keys"
        without_password = make_url(env["SDB_DATABASE_URL"])._replace(password=None)
        database = without_password.update_query_dict({"passfile": str(keys / "pgpass")})
        return {
            "SDB_DATA_DIR": str(self.folder / "data"),
            "SDB_KEK_FILE": str(keys / "kek"),
            "SDB_TOKEN_KEY_FILE": str(keys / "token-key"),
            "SDB_KEK_PUBLIC_FILE": str(public / "kek.pub"),
            "SDB_AUDIT_KEY_FILE": str(public / "audit-key"),
            "SDB_WORKER_KEY_FILE": str(public / "worker-key"),
            "SDB_DATABASE_URL": database.render_as_string(hide_password=False),
            "SDB_BROKER_URL": env["SDB_BROKER_URL"],
            "SDB_S3_BUCKET": env["SDB_S3_BUCKET"],
            "SDB_S3_ENDPOINT_URL": env["SDB_S3_ENDPOINT_URL"],
            "AWS_SHARED_CREDENTIALS_FILE": str(keys / "s3-credentials"),
        }

    def _write_secrets(self) -> None:
        env = self.profile.env
        values = (
            str(make_url(env["SDB_DATABASE_URL"]).password),
            env["SDB_S3_ACCESS_KEY_ID"],
            env["SDB_S3_SECRET_ACCESS_KEY"],
        )
        for name, value in zip(SECRETS, values, strict=True):
            (self.folder / "secrets" / name).write_text(value)
