"""A real Redis that keeps nothing on disk: what it forgets when it stops, the rows must know."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count

from redis import Redis
from redis.exceptions import RedisError

from tests.servers.processes import ServerMissing, free_port, kept, server_folder

_DATABASES = 10_000


@dataclass(frozen=True)
class RedisServer:
    """A running server; every test takes a database number of its own."""

    port: int
    numbers: Iterator[int]

    def fresh_url(self) -> str:
        """The address of a database that nobody has used yet."""
        return f"redis://127.0.0.1:{self.port}/{next(self.numbers)}"

    def answers(self) -> bool:
        client = Redis(host="127.0.0.1", port=self.port)
        try:
            return bool(client.ping())
        except RedisError:
            return False
        finally:
            client.close()


@contextmanager
def redis_server() -> Iterator[RedisServer]:
    """Start the installed redis-server. Raises `ServerMissing` where there is none."""
    program = shutil.which("redis-server")
    if program is None:
        raise ServerMissing("no redis-server on the PATH: install it (Debian and Ubuntu: apt-get install redis-server)")
    server = RedisServer(free_port(), count(1))
    with server_folder("redis") as folder:
        options = {"port": server.port, "bind": "127.0.0.1", "databases": _DATABASES, "save": "", "appendonly": "no"}
        flags = [part for name, value in options.items() for part in (f"--{name}", str(value))]
        with kept([program, *flags], folder=folder, ready=server.answers):
            yield server
