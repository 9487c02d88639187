"""All pages under `/dashboard`, in the order in which addresses are matched."""

from fastapi import APIRouter

from api.dashboard import (
    assets,
    boxes,
    entering,
    jobs,
    licenses,
    lists,
    me,
    overview,
    people,
    rekeying,
    signin,
    tokens,
    webhooks,
)

router = APIRouter()
for part in (assets, signin, entering, overview, jobs, boxes, rekeying, licenses, webhooks, tokens, lists, me, people):
    router.include_router(part.router)
router.include_router(overview.rest)
