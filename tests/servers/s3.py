"""An S3 server: moto's, as a process of its own, so that workers started by a test reach it too."""

import importlib.util
import secrets
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import boto3

from tests.servers.processes import ServerMissing, free_port, kept, server_folder

ACCESS_KEY_ID = "testing"
SECRET_ACCESS_KEY = "testing-secret"
REGION = "us-east-1"
KEYS_ON_A_PAGE = 50  # few, so that what forgets to turn the page is found out


@dataclass(frozen=True)
class S3Server:
    """A running server; a bucket is made in a few milliseconds."""

    port: int

    @property
    def endpoint_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @contextmanager
    def fresh_bucket(self) -> Iterator[str]:
        """An empty bucket; what lies in it at the end is deleted, since the server keeps it in memory."""
        name = f"sdb-{secrets.token_hex(6)}"
        store = boto3.resource(
            "s3",
            endpoint_url=self.endpoint_url,
            region_name=REGION,
            aws_access_key_id=ACCESS_KEY_ID,
            aws_secret_access_key=SECRET_ACCESS_KEY,
        )
        bucket = store.create_bucket(Bucket=name)
        try:
            yield name
        finally:
            bucket.objects.all().delete()
            store.meta.client.close()

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.endpoint_url}/moto-api/", timeout=5):
                return True
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False


@contextmanager
def s3_server() -> Iterator[S3Server]:
    """Start moto's server; ready in about two seconds. Raises `ServerMissing` where moto is not installed."""
    if importlib.util.find_spec("moto") is None or importlib.util.find_spec("flask") is None:
        raise ServerMissing("no moto server: install moto[server] (it is in requirements.lock)")
    server = S3Server(free_port())
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(server.port)]
    small_pages = {"MOTO_S3_DEFAULT_MAX_KEYS": str(KEYS_ON_A_PAGE)}
    with server_folder("s3") as folder, kept(command, folder=folder, ready=server.answers, env=small_pages):
        yield server
