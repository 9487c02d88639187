"""What to say of a name that no network has."""

import difflib
from collections.abc import Iterable

from sdb_core.errors import UnknownArchitecture
from sdb_core.nets.ours import OURS


def unknown(architecture: str, others: Iterable[str]) -> UnknownArchitecture:
    """The error for `architecture`, with near names of ours and of `others`."""
    near = difflib.get_close_matches(architecture, [*OURS, *others], n=3)
    hint = (
        f"did you mean {' or '.join(near)}?"
        if near
        else f"known are {', '.join(OURS)}, torchvision:NAME, timm:NAME and program (a .pt2 file)."
    )
    return UnknownArchitecture(f"There is no architecture {architecture!r}; {hint}")
