"""How a server process keeps its memory, and gives it back."""

import ctypes
from contextlib import suppress

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # of glibc's malloc.h


def keep() -> None:
    """Let the allocator keep what it has for the next batch.

    To give it back and fetch it again costs a page fault for every 4 KiB: a tenth of the processor time of a
    prediction.
    """
    with suppress(AttributeError, OSError, TypeError):  # another C library has its own ways
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_MMAP_THRESHOLD, 32 * 2**20)
        mallopt(_M_TRIM_THRESHOLD, 128 * 2**20)
        mallopt(_M_ARENA_MAX, 2)


def give_back() -> None:
    """Give what is free to the system: after `keep`, nothing else does."""
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
