"""How a page declares its action: `dependencies=viewing("job.read")`, the same rows as the API's."""

from collections.abc import Sequence

from fastapi import Depends
from fastapi.params import Depends as Dependency

from api import policy
from api.access import Action
from api.dashboard.viewing import ViewerDep
from api.templating import environment

environment.globals["may"] = policy.may


class Viewing(Action):
    """Lets through whom the action's row lets through, by who is signed in."""

    async def __call__(self, viewer: ViewerDep) -> None:
        """Raises `Forbidden` as `policy.require`."""
        policy.require(viewer.caller, self.action)


def viewing(action: str) -> Sequence[Dependency]:
    """For a page's `dependencies`: the action's row is enforced for the person who looks at it."""
    return [Depends(Viewing(action))]
