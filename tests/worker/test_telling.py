"""How often a child speaks: as often as people can read, and for long work as often as a database should keep."""

import json
import os
import subprocess
import sys
from pathlib import Path

SCRIPT = """
import sys
from pathlib import Path
from worker.child.telling import Listening, Teller

seconds, now = int(sys.argv[1]), [0.0]
listening = Listening(Teller(sys.stdout.fileno()), Path("/nowhere"), clock=lambda: now[0])
print("what a library prints is no line of ours")
steps = seconds * 10
for step in range(1, steps + 1):
    now[0] = step / 10
    listening.progress("wrap", step, steps)
    listening.metrics("wrap", step, {"loss": 1 / 3})
"""


def lines_of(seconds: int) -> list[dict[str, object]]:
    root = str(Path(__file__).parents[2])
    line = [sys.executable, "-c", SCRIPT, str(seconds)]
    done = subprocess.run(line, capture_output=True, check=True, env=os.environ | {"PYTHONPATH": root})
    return [json.loads(text) for text in done.stdout.splitlines()]


def test_a_minute_of_training_tells_three_points_a_second_and_its_end() -> None:
    said = lines_of(60)
    metrics = [line for line in said if line["event"] == "metrics"]
    assert 140 <= len(metrics) <= 210
    assert metrics[0]["values"] == {"loss": 0.33333}
    end = [line for line in said if line["event"] == "progress"][-1]
    assert (end["done"], end["total"]) == (600, 600)


def test_a_day_of_training_tells_a_few_thousand_points_and_progress_every_five_seconds() -> None:
    said = lines_of(86_400)
    assert len([line for line in said if line["event"] == "metrics"]) < 3000
    assert 86_400 / 5 < len([line for line in said if line["event"] == "progress"]) < 20_000
