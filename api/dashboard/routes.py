"""All pages under `/dashboard`, in the order in which addresses are matched."""

from fastapi import APIRouter

from api.dashboard import assets, boxes, jobs, licenses, lists, overview, signin, tokens

router = APIRouter()
for part in (assets, signin, overview, jobs, boxes, licenses, tokens, lists):
    router.include_router(part.router)
router.include_router(overview.rest)
