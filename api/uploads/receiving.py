"""One part of an upload on its way to disk: never whole in memory, and only after the sender is known."""

import asyncio
import hashlib
import queue
from collections.abc import AsyncIterator, Iterator

from sdb_service.errors import Invalid, TooLarge
from sdb_service.storage import Storage

_WAITING_CHUNKS = 8


class Received:
    """Size and digest of the part as it passes."""

    def __init__(self) -> None:
        self.size = 0
        self._digest = hashlib.sha256()

    def take(self, chunk: bytes) -> None:
        self.size += len(chunk)
        self._digest.update(chunk)

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()


async def receive_part(
    stream: AsyncIterator[bytes], storage: Storage, key: str, *, number: int, size: int, sha256: str | None
) -> Received:
    """Write one part to the store as it arrives.

    The part appears in the store only if it is whole: of `size` bytes and with the SHA-256 that was announced.

    Raises:
        TooLarge: more bytes came than the part may have.
        Invalid: fewer bytes came, or another digest.
    """
    passed = Received()
    chunks: queue.Queue[bytes | BaseException | None] = queue.Queue(_WAITING_CHUNKS)
    writing = asyncio.create_task(
        asyncio.to_thread(storage.write_part, key, number, _checked(chunks, passed, size=size, sha256=sha256))
    )
    try:
        async for chunk in stream:
            await _offer(chunks, chunk, writing)
        await _offer(chunks, None, writing)
    except BaseException as error:
        await _offer(chunks, error, writing)
        raise
    finally:
        await asyncio.wait([writing])
        writing.exception()  # looked at: where the sender went away, that is the answer, and this only its echo
    writing.result()
    return passed


async def _offer(
    chunks: "queue.Queue[bytes | BaseException | None]",
    item: bytes | BaseException | None,
    writing: "asyncio.Task[None]",
) -> None:
    while not writing.done():
        try:
            chunks.put_nowait(item)
        except queue.Full:
            await asyncio.sleep(0.002)
        else:
            return
    writing.result()  # the writer has stopped: its error is the answer


def _checked(
    chunks: "queue.Queue[bytes | BaseException | None]", passed: Received, *, size: int, sha256: str | None
) -> Iterator[bytes]:
    while (item := chunks.get()) is not None:
        if isinstance(item, BaseException):
            raise ConnectionAbortedError("the sender went away in the middle of the part") from item
        passed.take(item)
        if passed.size > size:
            raise TooLarge(
                "part_too_large", f"The part must have {size} bytes and more came; cut the file at part_bytes."
            )
        yield item
    if passed.size != size:
        raise Invalid("part_truncated", f"The part must have {size} bytes and {passed.size} came; send it again.")
    if sha256 is not None and passed.sha256 != sha256.lower():
        raise Invalid("sha256_mismatch", "The part that arrived has another SHA-256 than was announced; send it again.")
