"""Progress for a person at a terminal, on stderr."""

import sys
from pathlib import Path


class Console:
    """An observer that keeps one line of progress up to date."""

    def progress(self, stage: str, done: int, total: int) -> None:
        """Write the line over the last one; end it when the stage is done. A file gets the ends only."""
        if done < total and not sys.stderr.isatty():
            return
        end = "\n" if done == total else ""
        sys.stderr.write(f"\r{stage} {done}/{total}{end}")
        sys.stderr.flush()

    def metrics(self, stage: str, step: int, values: dict[str, float]) -> None:
        """Nothing: the curves go into the history."""

    def checkpoint(self, path: Path) -> None:
        """Nothing."""

    def should_stop(self) -> bool:
        """Never: Ctrl-C does."""
        return False
