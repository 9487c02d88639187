"""Whether the service lives and whether it can work."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from api.deps import RuntimeDep

router = APIRouter(tags=["health"])


@router.get("/healthz")
@router.get("/v2/health/live")
def live() -> dict[str, str]:
    return {"status": "ok"}


@router.get("/readyz", response_model=None)
@router.get("/v2/health/ready", response_model=None)
def ready(runtime: RuntimeDep) -> dict[str, str] | JSONResponse:
    """Whether the database answers; without it nothing can be served."""
    try:
        with runtime.database.reading() as session:
            session.execute(text("SELECT 1"))
    except SQLAlchemyError as error:
        return JSONResponse({"status": "unavailable", "database": type(error).__name__}, status_code=503)
    return {"status": "ok"}
