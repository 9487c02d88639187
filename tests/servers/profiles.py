"""The two profiles as a test starts them: settings for this process, variables for the processes it starts."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from sdb_service.settings import Settings
from tests.servers import s3
from tests.servers.postgres import Postgres, postgres
from tests.servers.redis import RedisServer, redis_server
from tests.servers.s3 import S3Server, s3_server


class Profile(NamedTuple):
    """The same settings twice: as an object, and as the `SDB_*` variables that make it."""

    settings: Settings
    env: dict[str, str]


class Servers(NamedTuple):
    """What the production profile stands on."""

    postgres: Postgres
    redis: RedisServer
    s3: S3Server


def profile_of(env: dict[str, str]) -> Profile:
    """Settings made of these variables alone: what the developer's own shell says about SDB does not count."""
    fields: dict[str, Any] = {name.removeprefix("SDB_").lower(): value for name, value in env.items()}
    return Profile(Settings(_env_prefix="NOT_READ_", **fields), env)


def embedded(folder: Path) -> Profile:
    """SQLite, files and the folder broker below `folder`; nothing is migrated yet."""
    return profile_of(_folders(folder) | {"SDB_DATABASE_URL": "", "SDB_BROKER_URL": "", "SDB_S3_BUCKET": ""})


@contextmanager
def servers() -> Iterator[Servers]:
    """Start all three. Raises `ServerMissing` where one is not installed."""
    with ExitStack() as stack:
        yield Servers(
            stack.enter_context(postgres()), stack.enter_context(redis_server()), stack.enter_context(s3_server())
        )


@contextmanager
def production(folder: Path, running: Servers) -> Iterator[Profile]:
    """A fresh database, bucket and broker number on running servers; keys and scratch files below `folder`."""
    with running.postgres.fresh_database() as database_url, running.s3.fresh_bucket() as bucket:
        yield profile_of(
            _folders(folder)
            | {
                "SDB_DATABASE_URL": database_url,
                "SDB_BROKER_URL": running.redis.fresh_url(),
                "SDB_S3_BUCKET": bucket,
                "SDB_S3_ENDPOINT_URL": running.s3.endpoint_url,
                "SDB_S3_REGION": s3.REGION,
                "SDB_S3_ACCESS_KEY_ID": s3.ACCESS_KEY_ID,
                "SDB_S3_SECRET_ACCESS_KEY": s3.SECRET_ACCESS_KEY,
            }
        )


def _folders(folder: Path) -> dict[str, str]:
    return {
        "SDB_DATA_DIR": str(folder / "data"),
        "SDB_KEK_FILE": str(folder / "keys" / "kek"),
        "SDB_TOKEN_KEY_FILE": str(folder / "keys" / "token-key"),
    }
