"""What all settings share: frozen, built from a checked mapping, unknown names refused."""

import dataclasses
import difflib
import math
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from sdb_core.errors import InvalidSettings

_MOST_WHOLE = 2**31 - 1
_MOST_SHOWN = 60
# What the papers call them, in small letters.
_IN_PAPERS = {"lambda": "lam", "t": "temperature", "t_dis": "temperature", "t_aug": "aug_temperature"}


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
    """The cure for a name that does not exist: the one of that name in the papers, the nearest one, or all that do."""
    names = sorted(known)
    meant = [_IN_PAPERS.get(str(name).lower(), "")]
    found = meant if meant[0] in names else difflib.get_close_matches(str(name), names, n=1)
    return f"did you mean {found[0]!r}?" if found else f"known are {', '.join(names)}."


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def whole(settings: Settings, name: str, *, low: int) -> None:
    """Raise InvalidSettings unless the setting `name` is a whole number of at least `low`, and of 31 bits."""
    value = getattr(settings, name)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= _MOST_WHOLE:
        most = f" and at most {_MOST_WHOLE:,}" if isinstance(value, int) and value > low else ""
        raise InvalidSettings(f"{name} is {shown(value)}; give a whole number of at least {low}{most}.")


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
    sound = not isinstance(value, bool) and isinstance(value, (int, float)) and abs(value) <= sys.float_info.max
    if not sound or value < low or value > high or (open_low and value == low) or (open_high and value == high):
        above = f"above {low:g}" if open_low else f"at least {low:g}"
        below = "" if high == math.inf else f" and {'below' if open_high else 'at most'} {high:g}"
        raise InvalidSettings(f"{name} is {shown(value)}; give a number {above}{below}.")


def one_of(settings: Settings, name: str, choices: tuple[object, ...]) -> None:
    """Raise InvalidSettings unless the setting `name` is one of `choices`; 1 is not True."""
    value = getattr(settings, name)
    if not any(type(value) is type(choice) and value == choice for choice in choices):
        names = (str(choice).lower() if isinstance(choice, bool) else str(choice) for choice in choices)
        raise InvalidSettings(f"{name} is {shown(value)}; choose one of {', '.join(names)}.")


def shown(value: object) -> str:
    """A value for an error's sentence, cut short where it is long."""
    text = repr(value)
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}..."
