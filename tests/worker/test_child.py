"""The child on its own: what it says when it meets what it does not know."""

import json
import os
import subprocess
import sys
from pathlib import Path

LIMITS = {"cpu_seconds": 60, "file_bytes": 2**30, "device": "auto", "memory_bytes": 2**34, "threads": 1}


def test_an_unknown_error_is_told_with_its_place_and_without_what_it_quotes(tmp_path: Path) -> None:
    for folder in ("in", "out"):
        (tmp_path / folder).mkdir()
    (tmp_path / "in" / "spec.json").write_text(json.dumps({"task": "secret-in-the-message", "limits": LIMITS}))
    root = str(Path(__file__).parents[2])
    line = [sys.executable, "-m", "worker.child", str(tmp_path / "in"), str(tmp_path / "out")]
    done = subprocess.run(line, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": root}, check=True)

    [said] = [json.loads(text) for text in done.stdout.splitlines()]
    assert (said["event"], said["code"]) == ("failed", "internal")
    assert "KeyError" in said["detail"]
    assert "__main__.py" in done.stderr
    assert "secret-in-the-message" not in done.stderr + done.stdout
