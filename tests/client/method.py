"""Stands in for the method beneath `sdb attack`: keeps what it was asked, and answers a report."""

import json
from pathlib import Path
from typing import Any

# The program: it keeps its arguments with what lay in the box's folder beside itself.
METHOD = """
import json, sys
from pathlib import Path
given, here = sys.argv[1:], Path(__file__).parent
kept = {"given": given}
if "--box" in given:
    folder = Path(given[given.index("--box") + 1])
    kept["modes"] = [oct(path.stat().st_mode & 0o777) for path in (folder, folder / "key.safetensors")]
    for name in ("box.safetensors", "key.safetensors", "history.json"):
        (here / name).write_bytes((folder / name).read_bytes())
(here / f"{given[0]}.json").write_text(json.dumps(kept))
failure = here / "failure.json"
if failure.exists():
    code, answer = json.loads(failure.read_text())
    print(answer)
    print("what went wrong", file=sys.stderr)
    sys.exit(code)
if "--list" in given:
    print("the panel")
else:
    out = Path(given[given.index("--out") + 1])
    out.write_text("<page>" if given[0] == "report" else (here / "report_to_answer.json").read_text())
"""
VALUE = {"mean": 61.25, "std": 0.5, "seeds": 4}
FLOOR = {"mean": 60.25, "std": 0.5, "seeds": 4}
ROW = {"name": "label-only", "interface": "labels", "holds": "nothing", "accuracy": VALUE, "floor": FLOOR, "leak": None}
REPORT = {"schema": "sdb-report/1", "accuracy": {"closed": VALUE}, "attacks": [ROW], "verdicts": {}}


def stand_in(folder: Path) -> Path:
    """Put the program into the folder as a package of the method's name."""
    package = folder / "sdb_core"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "__main__.py").write_text(METHOD)
    (package / "report_to_answer.json").write_text(json.dumps(REPORT))
    return package


def asked(method: Path, command: str = "attack") -> dict[str, Any]:
    """What the command was asked."""
    found: dict[str, Any] = json.loads((method / f"{command}.json").read_text())
    return found
