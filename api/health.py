"""Whether the service lives and whether it can work."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

import migrations
from api.access import declare
from sdb_service.runtime import Runtime

router = APIRouter(tags=["health"])

_SECONDS = 4.0  # a part that takes longer to answer is not ready


class Readiness:
    """Asks the parts that nothing works without: the database, in the form that this version needs, and the store."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._revision = migrations.newest()
        self._asking: asyncio.Future[dict[str, str]] | None = None
        self._threads = ThreadPoolExecutor(2, "ready")  # of its own: a part that hangs must hang nothing else

    async def failures(self) -> dict[str, str]:
        """What is wrong, by part; empty where the service can work. Parts are asked once, however many ask at once."""
        asking = self._asking
        if asking is None or asking.done():
            parts = {
                "database": self._check_database,
                "storage": self._runtime.storage.check,
                "revocations": self._runtime.keeper.check,
            }
            asking = self._asking = asyncio.ensure_future(self._failures(parts))
        return await asyncio.shield(asking)

    async def _failures(self, parts: dict[str, Callable[[], None]]) -> dict[str, str]:
        found = await asyncio.gather(*[self._failure(check) for check in parts.values()])
        return {name: failure for name, failure in zip(parts, found, strict=True) if failure is not None}

    async def _failure(self, check: Callable[[], None]) -> str | None:
        """Why a part is not ready, in words that tell outsiders nothing of where it is; None where it is."""
        try:
            async with asyncio.timeout(_SECONDS):
                await asyncio.get_running_loop().run_in_executor(self._threads, check)
        except TimeoutError:
            return f"no answer within {_SECONDS:g} s"
        except SQLAlchemyError as error:
            return type(error).__name__
        except (OSError, RuntimeError) as error:
            return str(error)
        return None

    def _check_database(self) -> None:
        with self._runtime.database.reading() as session:
            found = session.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
        if found is None or found < self._revision:  # a newer one was brought by a newer version beside this one
            raise RuntimeError(f"migrated to {found}; this version needs {self._revision}")


@router.get("/healthz", dependencies=declare("service.health"))
def live() -> dict[str, str]:
    return {"status": "ok"}


@router.get("/readyz", response_model=None, dependencies=declare("service.health"))
async def ready(request: Request) -> dict[str, str] | JSONResponse:
    """Whether the database and the store answer, and the database is migrated and no older than the store knows."""
    failures = await request.app.state.readiness.failures()
    if failures:
        return JSONResponse({"status": "unavailable", **failures}, status_code=503)
    return {"status": "ok"}
