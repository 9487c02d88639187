"""The people of an account, for its owners: who is in, who is invited."""

from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import HTMLResponse, RedirectResponse

from api.dashboard import queries as shown
from api.dashboard.access import viewing
from api.dashboard.rendering import back_to, page
from api.dashboard.viewing import ActorDep, ViewerDep
from api.deps import ReadSession, RuntimeDep, WriteSession
from api.people import queries, schemas, service
from sdb_service.errors import Invalid
from sdb_service.identity import Rank
from sdb_service.people import links
from sdb_service.people.users import email_of
from sdb_service.tables import Invitation, User

router = APIRouter(prefix="/dashboard/people", include_in_schema=False)

_HERE = "/dashboard/people"
_MOST_SHOWN = 200


@router.get("", dependencies=viewing("invitation.list"))
def list_people(viewer: ViewerDep, session: ReadSession, done: str = "") -> HTMLResponse:
    people = session.execute(queries.visible_users(viewer.caller).order_by(User.id).limit(_MOST_SHOWN)).scalars().all()
    invited = queries.visible_invitations(viewer.caller).order_by(Invitation.id.desc()).limit(_MOST_SHOWN)
    waiting = [schemas.Invitation.of(row) for row in session.execute(invited).scalars()]
    ids = [row.account_id for row in people] + [row.account_id for row in waiting]
    return page(
        "people.html",
        viewer,
        done=done,
        people=[schemas.User.of(row) for row in people],
        invitations=[each for each in waiting if each.state == "waiting"],
        names=shown.account_names(session, viewer.caller, ids),
    )


@router.post("/invitations", dependencies=viewing("invitation.make"))
def invite(
    actor: ActorDep,
    session: WriteSession,
    runtime: RuntimeDep,
    email: Annotated[str, Form(min_length=1, max_length=254)],
    rank: Annotated[Rank, Form()] = "owner",
    account_id: Annotated[str, Form(max_length=40)] = "",
) -> HTMLResponse:
    """The link is in this answer and nowhere else."""
    if "@" not in email:
        raise Invalid("email_invalid", "This is not an e-mail address; give one such as ada@example.org.")
    wanted = schemas.NewInvitation(email=email_of(email), rank=rank, account_id=account_id.strip() or None)
    invitation, text = service.invite(session, actor.caller, wanted, key=runtime.token_key)
    told = schemas.FreshInvitation.shown(invitation, text, public_url=runtime.settings.public_url)
    return page("link.html", actor, url=told.url, email=told.email, days=links.INVITATION_SECONDS // 86400, joins=True)


@router.post("/invitations/{invitation_id}/revoke", dependencies=viewing("invitation.revoke"))
def revoke_invitation(invitation_id: str, actor: ActorDep, session: WriteSession) -> RedirectResponse:
    service.revoke_invitation(session, actor.caller, invitation_id)
    return back_to(_HERE, done="invitation_revoked")


@router.post("/{user_id}/rank", dependencies=viewing("user.rank"))
def change_rank(
    user_id: str, actor: ActorDep, session: WriteSession, rank: Annotated[Rank, Form()]
) -> RedirectResponse:
    service.change_rank(session, actor.caller, user_id, rank=rank)
    return back_to(_HERE, done="rank")


@router.post("/{user_id}/reset", dependencies=viewing("user.reset"))
def reset_password(user_id: str, actor: ActorDep, session: WriteSession, runtime: RuntimeDep) -> HTMLResponse:
    """The link is in this answer and nowhere else."""
    text = service.reset_password(session, actor.caller, user_id, key=runtime.token_key)
    url = runtime.settings.public_url
    told = schemas.PasswordReset.shown(text, public_url=url, seconds=links.RESET_SECONDS)
    email = queries.get_user(session, actor.caller, user_id).email
    return page("link.html", actor, url=told.url, email=email, days=links.RESET_SECONDS // 86400, joins=False)


@router.post("/{user_id}/totp-reset", dependencies=viewing("user.totp_reset"))
def reset_second_step(user_id: str, actor: ActorDep, session: WriteSession) -> RedirectResponse:
    service.reset_second_step(session, actor.caller, user_id)
    return back_to(_HERE, done="one_step")


@router.post("/{user_id}/close", dependencies=viewing("user.close"))
def close_user(user_id: str, actor: ActorDep, session: WriteSession) -> RedirectResponse:
    service.close_user(session, actor.caller, user_id)
    return back_to(_HERE, done="person_closed")
