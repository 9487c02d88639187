"""A type for bytes that must not be seen: no repr, str, JSON or pickle of it shows them."""

import hmac
from typing import NoReturn


class Secret:
    """Key bytes in memory. `reveal()` is the only way to them, so that every use is easy to find."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = bytes(value)

    def reveal(self) -> bytes:
        return self._value

    def __len__(self) -> int:
        return len(self._value)

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._value, other._value)

    def __hash__(self) -> NoReturn:
        raise TypeError("a Secret has no hash: it would tell equal secrets apart")

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is never pickled")

    def __getstate__(self) -> NoReturn:
        raise TypeError("a Secret is never pickled")
