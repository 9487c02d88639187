"""Cookies: kept from scripts and from other sites; on https under the `__Host-` prefix.

The prefix makes a browser refuse the cookie unless it came over https, for this host alone and for all its paths, so
that no neighbour on a subdomain or on plain http can plant one. On plain http, which is for one's own machine, a
browser would refuse every such cookie: there the plain name is used, below the dashboard's path.
"""

from fastapi import Request, Response

from sdb_service.secret import Secret
from sdb_service.settings import Settings

SESSION = "sdb_session"
DEVICE = "sdb_device"


def read(request: Request, settings: Settings, name: str) -> str | None:
    return request.cookies.get(_name(settings, name))


def give(answer: Response, settings: Settings, name: str, value: Secret, *, seconds: int) -> None:
    answer.set_cookie(
        _name(settings, name),
        value.reveal().decode(),
        max_age=seconds,
        path=_path(settings),
        secure=_is_secure(settings),
        httponly=True,
        samesite="lax",
    )


def take_back(answer: Response, settings: Settings, name: str) -> None:
    # A browser obeys for a `__Host-` name only where the deletion is as secure as the cookie.
    answer.delete_cookie(
        _name(settings, name), path=_path(settings), secure=_is_secure(settings), httponly=True, samesite="lax"
    )


def _is_secure(settings: Settings) -> bool:
    return settings.public_url.startswith("https://")


def _name(settings: Settings, name: str) -> str:
    return f"__Host-{name}" if _is_secure(settings) else name


def _path(settings: Settings) -> str:
    return "/" if _is_secure(settings) else "/dashboard"
