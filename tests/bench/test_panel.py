"""The panel's benchmark goes on where it was interrupted, and never mixes the rows of two boxes."""

import json

import pytest

from bench.panel import finished, missing, one_seed, paper_beside

ROWS = [{"seed": 0, "accuracy": {}, "sdb": {}}, {"seed": 1, "accuracy": {}}]


def test_our_box_of_every_seed_comes_before_the_papers():
    assert missing({}, [0, 1]) == [(one_seed, 0), (one_seed, 1), (paper_beside, 0), (paper_beside, 1)]


def test_what_is_in_the_rows_is_not_run_again():
    rows = {row["seed"]: row for row in ROWS}
    assert missing(rows, [0, 1, 2]) == [(one_seed, 2), (paper_beside, 1), (paper_beside, 2)]


def test_the_rows_of_the_same_task_are_gone_on_with(tmp_path):
    facts = {"task": "toy", "milestones": (0.5, 0.75), "box": {"caution": 0.05}}
    out = tmp_path / "panel.json"
    assert finished(out, facts) == []
    out.write_text(json.dumps({"task": facts, "per_seed": ROWS}))
    assert finished(out, facts) == ROWS


@pytest.mark.parametrize("changed", [{"box": {"caution": 0.1}}, {"fold": True}])
def test_the_rows_of_another_box_or_other_images_are_not_taken(tmp_path, changed):
    facts = {"task": "toy", "fold": False, "box": {"caution": 0.05}}
    out = tmp_path / "panel.json"
    out.write_text(json.dumps({"task": facts, "per_seed": ROWS}))
    assert finished(out, facts | changed) == []
