"""The form that asks for a new key of a box."""

from fastapi import APIRouter
from fastapi.responses import RedirectResponse

from api.boxes import rekeying
from api.dashboard.access import viewing
from api.dashboard.rendering import back_to
from api.dashboard.viewing import ActorDep
from api.deps import RuntimeDep, WriteSession

router = APIRouter(prefix="/dashboard/boxes", include_in_schema=False)


@router.post("/{box_id}/rekey", dependencies=viewing("box.rekey"))
def rekey_box(box_id: str, actor: ActorDep, session: WriteSession, runtime: RuntimeDep) -> RedirectResponse:
    """On to the page of the job that makes the new box."""
    job = rekeying.rekey(session, actor.caller, box_id, runtime=runtime)
    return back_to(f"/dashboard/jobs/{job.id}")
