"""`/v1/users` and `/v1/invitations`."""

from fastapi import APIRouter, status

from api.access import allow
from api.deps import CallerDep, ReadSession, RuntimeDep, WriteSession
from api.paging import Page, PagingDep, page
from api.people import queries, schemas, service
from sdb_service.people import links
from sdb_service.tables import Invitation, User

router = APIRouter(prefix="/v1", tags=["people"])


@router.get("/users", dependencies=allow("user.list"))
def list_users(caller: CallerDep, session: ReadSession, paging: PagingDep) -> Page[schemas.User]:
    return page(session, queries.visible_users(caller), by=User.id, paging=paging, shape=schemas.User.of)


@router.get("/users/{user_id}", dependencies=allow("user.read"))
def get_user(user_id: str, caller: CallerDep, session: ReadSession) -> schemas.User:
    return schemas.User.of(queries.get_user(session, caller, user_id))


@router.delete("/users/{user_id}", status_code=status.HTTP_204_NO_CONTENT, dependencies=allow("user.close"))
def close_user(user_id: str, caller: CallerDep, session: WriteSession) -> None:
    """Take somebody out of the account: their sessions end at once."""
    service.close_user(session, caller, user_id)


@router.post("/users/{user_id}/rank", dependencies=allow("user.rank"))
def change_rank(user_id: str, body: schemas.NewRank, caller: CallerDep, session: WriteSession) -> schemas.User:
    return schemas.User.of(service.change_rank(session, caller, user_id, rank=body.rank))


@router.post("/users/{user_id}/password-reset", status_code=status.HTTP_201_CREATED, dependencies=allow("user.reset"))
def reset_password(
    user_id: str, caller: CallerDep, session: WriteSession, runtime: RuntimeDep
) -> schemas.PasswordReset:
    """A link to choose a new password, good for a day. No mail is sent: give it to them yourself."""
    text = service.reset_password(session, caller, user_id, key=runtime.token_key)
    url = runtime.settings.public_url
    return schemas.PasswordReset.shown(text, public_url=url, seconds=links.RESET_SECONDS)


@router.post("/users/{user_id}/totp-reset", dependencies=allow("user.totp_reset"))
def reset_second_step(user_id: str, caller: CallerDep, session: WriteSession) -> schemas.User:
    """Switch the second step off for somebody who lost their device."""
    return schemas.User.of(service.reset_second_step(session, caller, user_id))


@router.post("/invitations", status_code=status.HTTP_201_CREATED, dependencies=allow("invitation.make"))
def invite(
    body: schemas.NewInvitation, caller: CallerDep, session: WriteSession, runtime: RuntimeDep
) -> schemas.FreshInvitation:
    """A link into the account, good for a week. No mail is sent: give it to them yourself."""
    invitation, text = service.invite(session, caller, body, key=runtime.token_key)
    return schemas.FreshInvitation.shown(invitation, text, public_url=runtime.settings.public_url)


@router.get("/invitations", dependencies=allow("invitation.list"))
def list_invitations(caller: CallerDep, session: ReadSession, paging: PagingDep) -> Page[schemas.Invitation]:
    statement = queries.visible_invitations(caller)
    return page(session, statement, by=Invitation.id, paging=paging, shape=schemas.Invitation.of)


@router.delete(
    "/invitations/{invitation_id}", status_code=status.HTTP_204_NO_CONTENT, dependencies=allow("invitation.revoke")
)
def revoke_invitation(invitation_id: str, caller: CallerDep, session: WriteSession) -> None:
    """Make an invitation useless from now on."""
    service.revoke_invitation(session, caller, invitation_id)
