"""The HTTP shapes of use and quotas."""

from typing import Annotated, Self

from pydantic import BaseModel, Field

from api.shapes import Body
from sdb_service.quotas import Standing

Limit = Annotated[int, Field(ge=0, le=2**62)] | None


class ResourceUse(BaseModel):
    """One thing that is counted of an account."""

    resource: str
    used: int = Field(description="What is there.")
    reserved: int = Field(description="Promised to uploads and jobs under way; it becomes use or is given back.")
    limit: int
    is_default: bool = Field(description="False where an admin chose this limit for the account.")

    @classmethod
    def of(cls, standing: Standing) -> Self:
        return cls(
            resource=standing.resource.name,
            used=standing.use.used,
            reserved=standing.use.reserved,
            limit=standing.limit,
            is_default=not standing.chosen,
        )


class Usage(BaseModel):
    account_id: str
    quotas: list[ResourceUse]


class NewQuotas(Body):
    """Limits to choose for an account: those left out stay, null goes back to the service's own."""

    stored_bytes: Limit = None
    uploads: Limit = None
    open_uploads: Limit = None
    active_jobs: Limit = None
    jobs_a_day: Limit = None
    open_checks: Limit = None
    tokens: Limit = None
    login_links: Limit = None
    licenses: Limit = None
    idempotency_keys: Limit = None
