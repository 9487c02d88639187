"""What all settings share: frozen, built from a checked mapping, unknown names refused."""

import dataclasses
import difflib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from sdb_core.errors import InvalidSettings


@dataclass(frozen=True)
class Settings:
    """What every kind of settings shares: a checked way in from a mapping, and out."""

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Build from a mapping. Raises InvalidSettings for an unknown name, a wrong type or a value out of range."""
        known = {item.name: item for item in dataclasses.fields(cls)}
        for name in values:
            if name not in known:
                raise InvalidSettings(f"There is no setting {name!r}; {near(name, known)}")
        return cls(**{name: cls.restored(name, value) for name, value in values.items()})

    @classmethod
    def restored(cls, name: str, value: Any) -> Any:  # noqa: ARG003 - settings with inner values need the name
        """The value of the setting `name` from its JSON form."""
        return value

    def to_dict(self) -> dict[str, Any]:
        """The settings as JSON values."""
        return {
            item.name: value.to_dict() if isinstance(value := getattr(self, item.name), Settings) else _plain(value)
            for item in dataclasses.fields(self)
        }


def near(name: object, known: Iterable[str]) -> str:
    """The cure for a name that does not exist: the nearest one, or all that do."""
    names = sorted(known)
    found = difflib.get_close_matches(str(name), names, n=1)
    return f"did you mean {found[0]!r}?" if found else f"known are {', '.join(names)}."


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def whole(settings: Settings, name: str, *, low: int) -> None:
    """Raise InvalidSettings unless the setting `name` is a whole number of at least `low`."""
    value = getattr(settings, name)
    if isinstance(value, bool) or not isinstance(value, int) or value < low:
        raise InvalidSettings(f"{name} is {value!r}; give a whole number of at least {low}.")


def number(
    settings: Settings,
    name: str,
    *,
    low: float,
    high: float = math.inf,
    open_low: bool = False,
    open_high: bool = False,
) -> None:
    """Raise InvalidSettings unless the setting `name` is a finite number between the bounds (open: not the bound)."""
    value = getattr(settings, name)
    sound = not isinstance(value, bool) and isinstance(value, (int, float)) and math.isfinite(value)
    if not sound or value < low or value > high or (open_low and value == low) or (open_high and value == high):
        above = f"above {low:g}" if open_low else f"at least {low:g}"
        below = "" if high == math.inf else f" and {'below' if open_high else 'at most'} {high:g}"
        raise InvalidSettings(f"{name} is {value!r}; give a number {above}{below}.")


def one_of(settings: Settings, name: str, choices: tuple[object, ...]) -> None:
    """Raise InvalidSettings unless the setting `name` is one of `choices`."""
    value = getattr(settings, name)
    if value not in choices:
        raise InvalidSettings(f"{name} is {value!r}; choose one of {', '.join(map(str, choices))}.")
