"""Where somebody who signs in comes from, and the door of this process that they come to."""

from typing import Annotated

from fastapi import Depends, Request

from api.dashboard import cookies
from api.deps import RuntimeDep, address_of
from sdb_service.people.signing_in import Door, Visit


def get_visit(request: Request, runtime: RuntimeDep) -> Visit:
    return Visit(
        address=address_of(request),
        agent=request.headers.get("user-agent"),
        device=cookies.read(request, runtime.settings, cookies.DEVICE),
        session=cookies.read(request, runtime.settings, cookies.SESSION),
    )


def get_door(request: Request) -> Door:
    door: Door = request.app.state.door
    return door


VisitDep = Annotated[Visit, Depends(get_visit)]
DoorDep = Annotated[Door, Depends(get_door)]
