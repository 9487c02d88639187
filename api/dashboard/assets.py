"""Static files: our own few, and Plotly's script out of the installed package."""

import gzip
import hashlib
import importlib.util
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path

from fastapi import APIRouter, Request, Response

from api.access import declare
from api.templating import environment
from sdb_service.errors import NotFound

router = APIRouter(prefix="/dashboard/static", include_in_schema=False)

_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
_PLOTLY = "plotly.min.js"


@dataclass(frozen=True)
class Asset:
    """A file as it is sent; `version` changes with its content, so that browsers may keep it for ever."""

    content: bytes
    media_type: str
    version: str


def _own_assets() -> dict[str, Asset]:
    found = {}
    for path in (Path(__file__).parent / "static").iterdir():
        if path.suffix in _TYPES:
            content = path.read_bytes()
            found[path.name] = Asset(content, _TYPES[path.suffix], hashlib.sha256(content).hexdigest()[:12])
    return found


_OWN = _own_assets()


def asset(name: str) -> str:
    """The address of a static file, for templates."""
    stamp = version("plotly") if name == _PLOTLY else _OWN[name].version
    return f"/dashboard/static/{name}?v={stamp}"


environment.globals["asset"] = asset


@router.get("/{name}", dependencies=declare("dashboard.enter"))
def get_asset(name: str, request: Request) -> Response:
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    if name == _PLOTLY:
        return _plotly(request, headers)
    if name not in _OWN:
        raise NotFound("asset_not_found", "There is no such file; reload the page.")
    return Response(_OWN[name].content, media_type=_OWN[name].media_type, headers=headers)


def _plotly(request: Request, headers: dict[str, str]) -> Response:
    content, headers["Vary"] = _packed_plotly(), "Accept-Encoding"
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
    else:
        content = gzip.decompress(content)
    return Response(content, media_type=_TYPES[".js"], headers=headers)


@cache
def _packed_plotly() -> bytes:
    # Found, not imported: importing plotly costs a second and gives nothing that a page needs.
    spec = importlib.util.find_spec("plotly")
    if spec is None or spec.origin is None:
        raise NotFound("plotly_missing", "The plotly package is not installed; install the requirements again.")
    script = Path(spec.origin).parent / "package_data" / _PLOTLY
    return gzip.compress(script.read_bytes(), compresslevel=6, mtime=0)
