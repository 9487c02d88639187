"""How a route declares its action: `dependencies=allow("license.grant")`, a row of `api/policy.py`."""

from collections.abc import Iterator, Sequence
from typing import Any

from fastapi import Depends, FastAPI, Request
from fastapi.params import Depends as Dependency
from fastapi.routing import APIRoute, iter_route_contexts

from api import policy
from api.deps import OptionalCaller, get_caller, get_runtime, optional_caller
from sdb_service.identity import Caller


class Action:
    """A row of the policy that a route stands under."""

    def __init__(self, action: str) -> None:
        if action not in policy.TABLE:
            raise LookupError(f"there is no row {action!r} in api/policy.py; add one")
        self.action = action


class Declared(Action):
    """The action of a route that enforces its row itself: by its lane, or by letting everybody in."""

    async def __call__(self) -> None:
        """Nothing is left to do."""


class Allow(Action):
    """Lets through whom the action's row lets through, before anything else of the request is worked on."""

    async def __call__(self, caller: OptionalCaller) -> None:
        """Raises `Unauthenticated` and `Forbidden` as `policy.require`."""
        policy.require(caller, self.action)


def allow(action: str) -> Sequence[Dependency]:
    """For a route's `dependencies`: the action's row is enforced for whoever the token speaks for."""
    return [Depends(Allow(action))]


def declare(action: str) -> Sequence[Dependency]:
    """For a route's `dependencies`: the route itself enforces the row, or the row is for everybody."""
    return [Depends(Declared(action))]


def still_allowed(request: Request, action: str) -> Caller:
    """Who the request's token speaks for now, for answers that take long.

    Raises:
        Unauthenticated, Forbidden: by now they may not, see `policy.require`.
    """
    caller = get_caller(optional_caller(request, get_runtime(request)))
    policy.require(caller, action)
    return caller


def actions_of(app: FastAPI) -> Iterator[tuple[str, str, str | None]]:
    """Method, path and action of every route of the application."""
    for context in iter_route_contexts(app.routes):
        if isinstance(context.original_route, APIRoute):
            for method in sorted(context.methods or ()):
                yield method, context.path or "", _action(context.dependencies)


def require_declared(app: FastAPI) -> None:
    """Refuse to serve an application with a route that nobody has said who may call it.

    Raises:
        LookupError: names the routes.
    """
    silent = [f"{method} {path}" for method, path, action in actions_of(app) if action is None]
    if silent:
        raise LookupError(f"without an action of api/policy.py: {', '.join(silent)}; add dependencies=allow(...)")


def _action(dependencies: Sequence[Any]) -> str | None:
    found = [one.dependency.action for one in dependencies if isinstance(one.dependency, Action)]
    return found[0] if found else None
