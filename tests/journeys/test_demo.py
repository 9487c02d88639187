"""The README's first command, for real: what it promises is in the file it writes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jsonschema

from sdb_core.report import SCHEMA_PATH

ATTACKS = {"temperature-1", "temperature-4", "temperature-8", "temperature-16", "label-only"}
ATTACKS |= {"random-key-1", "random-key-2", "random-key-3"}


def test_the_demo_tells_the_whole_story_and_writes_its_evidence(tmp_path: Path) -> None:
    out = tmp_path / "evidence.json"
    env = {name: value for name, value in os.environ.items() if not name.startswith("SDB_")}
    line = [sys.executable, "-m", "examples.demo", "--json", str(out)]
    done = subprocess.run(line, env=env, capture_output=True, text=True, timeout=590, check=False)
    assert done.returncode == 0, done.stderr
    assert "Verdicts" in done.stdout

    found = json.loads(out.read_text())
    jsonschema.validate(found, json.loads(SCHEMA_PATH.read_text()))
    assert found["api"].startswith("http://127.0.0.1:")
    assert [found[name][:4] for name in ("job_id", "box_id", "license_id")] == ["job_", "box_", "lic_"]
    assert {attack["name"] for attack in found["attacks"]} >= ATTACKS
    assert "sdb" in found["comparison"], "the paper's own losses stand beside the default"
    students = found["students"]
    assert all(value["seeds"] >= 3 for value in students.values())
    assert students["closed"]["mean"] < students["scratch"]["mean"] - 2, "the box hides nothing"
    assert students["open"]["mean"] > students["closed"]["mean"] + 2, "the key opens nothing"
