"""`/v1/report-schema`: the published form of a report."""

import importlib.util
from functools import cache
from pathlib import Path

from fastapi import APIRouter, Response

from api.access import declare
from sdb_service.errors import NotFound

router = APIRouter(prefix="/v1", tags=["jobs"])

_MEDIA_TYPE = "application/schema+json"
_NAME = "report.schema.json"


class SchemaResponse(Response):
    """So that the description of the API names the media type."""

    media_type = _MEDIA_TYPE


@router.get("/report-schema", response_class=SchemaResponse, dependencies=declare("service.describe"))
def report_schema() -> SchemaResponse:
    """The JSON Schema (draft 2020-12) that every `GET /v1/jobs/{id}/report` answer conforms to; for everybody."""
    return SchemaResponse(_schema(), headers={"Cache-Control": "public, max-age=3600"})


@cache
def _schema() -> bytes:
    # The file lies with the method, which makes reports. It is found, not imported: the method needs torch.
    spec = importlib.util.find_spec("sdb_core")
    folders = list(spec.submodule_search_locations or ()) if spec is not None else []
    for folder in folders:
        path = Path(folder) / _NAME
        if path.is_file():
            return path.read_bytes()
    raise NotFound("schema_missing", "The schema is not installed here; copy sdb_core/report.schema.json to the API.")
