"""A training loop that takes as many steps as it is told to, and then waits."""

import threading
from collections.abc import Callable

from sdb_core.observer import SilentObserver


class Paced(SilentObserver):
    """The observer of a run in a thread of its own: `paced(3)` lets the run take three steps and waits for them.

    The run asks `should_stop` before each step; there it is held. An error of the run is raised where it is paced.
    """

    def __init__(self) -> None:
        self.left = 0
        self.go = threading.Event()
        self.held = threading.Event()
        self.error: BaseException | None = None

    def start(self, work: Callable[[], object]) -> None:
        """Run `work`, which tells this observer its steps, up to its first step."""
        threading.Thread(target=self._run, args=(work,), daemon=True).start()
        self._wait()

    def __call__(self, steps: int) -> None:
        """Let so many steps pass; none for 0, as a run that was let go is held at the end of a step alone."""
        if steps < 1:
            return
        self.left = steps
        self.held.clear()
        self.go.set()
        self._wait()

    def should_stop(self) -> bool:
        """Hold the run where it has no steps left; never end it."""
        if self.left == 0:
            self.held.set()
            self.go.wait()
            self.go.clear()
        self.left -= 1
        return False

    def _run(self, work: Callable[[], object]) -> None:
        try:
            work()
            self.error = RuntimeError("The run came to its end; give it more epochs.")
        except BaseException as error:  # noqa: BLE001 - it is raised again where it is awaited
            self.error = error
        self.held.set()

    def _wait(self) -> None:
        self.held.wait()
        if self.error is not None:
            raise self.error
