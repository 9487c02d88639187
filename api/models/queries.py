"""Finding models."""

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from api.deps import owned
from sdb_service.errors import not_found
from sdb_service.identity import Caller
from sdb_service.tables import Model


def visible_models(caller: Caller) -> Select[Model]:
    return owned(select(Model).where(Model.deleted_at.is_(None)), Model, caller)


def get_model(session: Session, caller: Caller, model_id: str) -> Model:
    """The caller's model. Raises `NotFound`."""
    found = session.execute(visible_models(caller).where(Model.id == model_id)).scalar_one_or_none()
    if found is None:
        raise not_found("model", model_id)
    return found
