"""All pages under `/dashboard`, in the order in which addresses are matched."""

from fastapi import APIRouter

from api.dashboard import assets, boxes, jobs, licenses, lists, overview, rekeying, signin, webhooks

router = APIRouter()
for part in (assets, signin, overview, jobs, boxes, rekeying, licenses, webhooks, lists):
    router.include_router(part.router)
router.include_router(overview.rest)
