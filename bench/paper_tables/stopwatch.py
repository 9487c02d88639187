"""How long a training took, over all its interruptions."""

import json
import time
from pathlib import Path


class Stopwatch:
    """Clock and processor seconds since it was made, and those that an interrupted run left in `path`."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        before = json.loads(path.read_text()) if path is not None and path.is_file() else (0.0, 0.0)
        self.clock, self.processor = time.monotonic() - before[0], time.process_time() - before[1]

    def read(self) -> tuple[float, float]:
        """(clock seconds, processor seconds) so far."""
        return round(time.monotonic() - self.clock, 2), round(time.process_time() - self.processor, 2)

    def keep(self) -> None:
        """Leave the time so far to the run that goes on."""
        if self.path is not None:
            self.path.write_text(json.dumps(self.read()))
