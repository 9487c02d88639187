"""From JSON to frozen dataclasses, tolerant of what it does not know, so that old clients survive new services."""

import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import datetime
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from sdb_client.errors import AnswerUnreadable

Shape = TypeVar("Shape")


def from_json(shape: type[Shape], data: Mapping[str, Any]) -> Shape:
    """Build the dataclass `shape` of a JSON object.

    Fields that the dataclass does not have are passed over; fields that the service did not send take their
    default. Times become `datetime`, lists become tuples, nested objects become nested dataclasses.

    Raises:
        AnswerUnreadable: `data` is no object, or a field without a default is missing from it.
    """
    if not isinstance(data, Mapping):
        raise AnswerUnreadable(f"The answer holds no {shape.__name__}")
    values = {}
    for name, hint, required in _fields_of(shape):
        if name in data:
            values[name] = _read(hint, data[name])
        elif required:
            raise AnswerUnreadable(f"The answer lacks the field {name!r} of a {shape.__name__}")
    return shape(**values)


def _fields_of(shape: type[Any]) -> tuple[tuple[str, Any, bool], ...]:
    hints = get_type_hints(shape)
    return tuple(
        (field.name, hints[field.name], field.default is MISSING and field.default_factory is MISSING)
        for field in fields(shape)
    )


def _read(hint: Any, value: Any) -> Any:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        if value is None:
            return None
        hint = next(choice for choice in get_args(hint) if choice is not type(None))
        origin = get_origin(hint)
    if hint is datetime:
        return datetime.fromisoformat(value)
    if origin is tuple:
        return tuple(_read(get_args(hint)[0], item) for item in value)
    if isinstance(hint, type) and is_dataclass(hint):
        return from_json(hint, value)
    return value
