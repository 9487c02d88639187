"""`python -m worker.child INPUTS OUTPUTS [--kappa-fd N]`: one task, told as JSON lines on standard output."""

import argparse
import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

from worker.child.limits import die_with_parent, limit_resources
from worker.protocol import DONE, FAILED, SPEC

_OUT_OF_MEMORY = "There was not enough memory; use a smaller batch_size in config, or a worker with more memory."
_INTERNAL = "The worker met an error that it does not know ({}); its log says what. Tell the operator the id."


def main() -> int:
    given = _arguments()
    die_with_parent()
    spec: dict[str, Any] = json.loads((given.inputs / SPEC).read_text())
    limit_resources(spec["limits"])
    # Only now: what follows imports torch and opens bytes that are not ours.
    from torch import OutOfMemoryError  # noqa: PLC0415

    from sdb_core.errors import CoreError, TrainingStopped  # noqa: PLC0415
    from worker.child.telling import Teller  # noqa: PLC0415
    from worker.child.work import TASKS  # noqa: PLC0415

    teller = Teller(sys.stdout.fileno())
    try:
        result = TASKS[spec["task"]](spec, given.inputs, given.outputs, _read_kappa(given.kappa_fd), teller)
    except TrainingStopped:
        return 1
    except CoreError as error:
        teller.say(FAILED, code=error.code, detail=error.message)
        return 0
    except (MemoryError, OutOfMemoryError) as error:
        _print_where(error)
        teller.say(FAILED, code="out_of_memory", detail=_OUT_OF_MEMORY)
        return 0
    except Exception as error:  # noqa: BLE001 - the one broad catch: around a task
        _print_where(error)
        teller.say(FAILED, code="internal", detail=_INTERNAL.format(type(error).__name__))
        return 0
    teller.say(DONE, result=result)
    return 0


def _print_where(error: BaseException) -> None:
    """The place of an error for the log, without its message: that may quote what the child has read."""
    traceback.print_tb(error.__traceback__)
    sys.stderr.write(f"{type(error).__name__}\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("inputs", type=Path)
    parser.add_argument("outputs", type=Path)
    parser.add_argument("--kappa-fd", type=int)
    return parser.parse_args()


def _read_kappa(descriptor: int | None) -> bytes:
    if descriptor is None:
        return b""
    with os.fdopen(descriptor, "rb") as pipe:
        return pipe.read()


if __name__ == "__main__":
    raise SystemExit(main())
