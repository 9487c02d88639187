"""`python -m worker.child INPUTS OUTPUTS [--kappa-fd N]`: one task, told as JSON lines on standard output."""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from worker.child.limits import die_with_parent, limit_resources
from worker.protocol import DONE, FAILED, SPEC


def main() -> int:
    given = _arguments()
    die_with_parent()
    spec: dict[str, Any] = json.loads((given.inputs / SPEC).read_text())
    limit_resources(spec["limits"])
    # Only now: what follows imports torch and opens bytes that are not ours.
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
    teller.say(DONE, result=result)
    return 0


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
