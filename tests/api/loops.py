"""Tests that run on an event loop."""

import asyncio
import functools
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor


def on_a_loop(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """The test as a plain one, with an event loop of its own."""

    @functools.wraps(test)
    def run(**given: object) -> None:
        async def whole() -> None:
            await test(**given)

        with ThreadPoolExecutor(1) as thread:  # the main one may have a loop already: Playwright's
            thread.submit(asyncio.run, whole()).result()

    return run


async def until(is_so: Callable[[], object]) -> None:
    """Come back once it is so; the loop and other threads go on meanwhile."""
    async with asyncio.timeout(10):
        while not is_so():
            await asyncio.sleep(0.001)
