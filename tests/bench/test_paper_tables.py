"""The paper's tables: every number is trained once, a stopped run goes on, and the page says what the numbers say."""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from bench.paper_tables.__main__ import main
from bench.paper_tables.cells import FIRST, OWN, Cell, Recipe
from bench.paper_tables.chosen import SCALES, SMOKE
from bench.paper_tables.data import open_data
from bench.paper_tables.ledger import COLLAPSED, SOUND
from bench.paper_tables.page import rendered
from bench.paper_tables.plan import SDB, has_key, tables
from bench.paper_tables.readings import reading
from bench.paper_tables.scales import Nets, Scale
from bench.paper_tables.trainer import Trainer
from bench.paper_tables.watch import Watch
from bench.paper_tables.workshop import Workshop
from sdb_core.errors import TrainingStopped

_NET = "sdb:cnn-small"
_SHORT = {**SMOKE.students, "epochs": 2}
MINIATURE = dataclasses.replace(
    SMOKE,
    train=160,
    test=50,
    nets=Nets(_NET, (_NET,), (_NET,), _NET, (_NET,)),
    original=_SHORT,
    box=_SHORT,
    hardened=_SHORT,
    students=_SHORT,
)


class Impatient(Watch):
    """Asks to stop once it was asked so often."""

    def __init__(self, patience: int) -> None:
        super().__init__(say=lambda line: None)
        self.patience = patience

    def should_stop(self) -> bool:
        self.patience -= 1
        return self.patience < 0


def _workshop(folder: Path, *, patience: int = 10**9, scale: Scale = MINIATURE) -> Workshop:
    device = torch.device("cpu")
    trainer = Trainer(folder, device=device, device_words="cpu", watch=Impatient(patience))
    data = open_data("builtin:digits", "", scale=scale, device=device)
    return Workshop(scale, data, trainer=trainer)


@pytest.fixture
def miniature(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    threads = torch.get_num_threads()
    monkeypatch.setitem(SCALES, "smoke", MINIATURE)
    yield
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("miniature")
def test_a_second_run_trains_nothing_and_writes_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = ["--tables", "3,6", "--state", str(tmp_path / "state"), "--out", str(tmp_path)]
    assert main(line) == 0
    first = [(tmp_path / name).read_bytes() for name in ("paper_tables_smoke.json", "paper_tables.md")]
    assert " left\n" in capsys.readouterr().out
    assert main(line) == 0
    told = capsys.readouterr().out
    assert "0 of " in told
    assert "[" not in told
    assert [(tmp_path / name).read_bytes() for name in ("paper_tables_smoke.json", "paper_tables.md")] == first
    result = json.loads(first[0])
    assert result["missing"] == {"3": 0, "6": 0}
    assert str(tmp_path) not in first[0].decode() + first[1].decode()


@pytest.mark.usefixtures("miniature")
def test_a_run_without_time_says_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = ["--tables", "6", "--state", str(tmp_path / "state"), "--out", str(tmp_path), "--hours", "1e-9"]
    assert main(line) == 3
    assert "20 numbers of the chosen tables are missing" in capsys.readouterr().out
    assert "numbers still missing" in (tmp_path / "paper_tables.md").read_text()


@pytest.mark.usefixtures("miniature")
def test_a_run_may_be_narrowed_to_rows_and_columns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = ["--tables", "1", "--rows", "no teacher,normal", "--state", str(tmp_path / "state"), "--out", str(tmp_path)]
    assert main([*line, "--columns", "student closed"]) == 0
    assert "3 of 3 trainings are left" in capsys.readouterr().out
    table = json.loads((tmp_path / "paper_tables_smoke.json").read_text())["tables"][0]
    measured = {row["label"] for row in table["rows"] for cell in row["cells"].values() if cell["seeds"]}
    assert measured == {"no teacher", "normal"}
    with pytest.raises(SystemExit, match="rows are: ke, nasty"):
        main([*line, "--columns", "studnet"])


WRONG = {
    "no such table": (["--tables", "1,7"], "numbers from 1 to 6"),
    "no number": (["--tables", "one"], "numbers from 1 to 6"),
    "digits at a larger scale": (["--scale", "small"], "give --data a folder with CIFAR-10"),
    "no seed": (["--seeds", "-1"], "--seeds"),
    "no epochs": (["--epochs-share", "0"], "over 0, and 1 at most"),
    "no GPU": (["--device", "cuda"], "take cpu"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_cannot_be_run_is_refused_with_the_cure(
    wrong: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    arguments, cure = WRONG[wrong]
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert cure in capsys.readouterr().err


@pytest.mark.usefixtures("miniature")
def test_data_that_are_not_there_are_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"dataset_unreadable: .*nowhere"):
        main(["--data", str(tmp_path / "nowhere"), "--state", str(tmp_path / "state"), "--out", str(tmp_path)])


def test_a_stopped_run_goes_on_to_the_number_of_an_unbroken_one(tmp_path: Path) -> None:
    cell = Cell(FIRST, _NET, SDB, OWN, _NET)
    whole = _workshop(tmp_path / "whole").value(cell, 0)
    broken, stops = None, 0
    while broken is None:
        try:
            broken = _workshop(tmp_path / "broken", patience=3).value(cell, 0)
        except TrainingStopped:
            stops += 1
    assert stops >= 3
    assert broken.value == whole.value
    assert list((tmp_path / "broken" / "progress").iterdir()) == []


def test_a_collapsed_box_is_shown_with_its_numbers(tmp_path: Path) -> None:
    workshop = _workshop(tmp_path, scale=dataclasses.replace(MINIATURE, original={**_SHORT, "epochs": 30}))
    ruined = Recipe("sdb", (("epochs", 1),))  # from random weights: it cannot have learned anything
    plain = workshop.value(Cell(FIRST, _NET), 0)
    box = workshop.value(Cell(FIRST, _NET, ruined), 0)
    student = workshop.value(Cell(FIRST, _NET, ruined, "", _NET), 0)
    assert (plain.outcome, box.outcome, student.outcome) == (SOUND, COLLAPSED, COLLAPSED)
    assert box.value is not None
    assert student.value is not None


def test_tables_share_what_they_can() -> None:
    data = open_data("builtin:digits", "", scale=SMOKE, device=torch.device("cpu"))
    workshop_digests = Workshop(SMOKE, data, trainer=None).digests  # type: ignore[arg-type]
    found = [workshop_digests.value(cell, 0) for table in tables(SMOKE) for cell in table.cells()]
    assert len(found) > len(set(found)) + 20
    at_four = Cell(FIRST, "sdb:cnn-mini", SDB, "", _NET, 4.0)
    assert workshop_digests.value(at_four, 0) == workshop_digests.value(
        dataclasses.replace(at_four, temperature=0.0), 0
    )
    assert workshop_digests.value(at_four, 0) != workshop_digests.value(
        dataclasses.replace(at_four, temperature=1.0), 0
    )
    assert workshop_digests.value(at_four, 0) != workshop_digests.value(at_four, 1)


@pytest.mark.parametrize("name", list(SCALES))
def test_every_scale_has_six_tables_with_settings_that_stand(name: str) -> None:
    scale = SCALES[name]
    for table in tables(scale):
        for cell in table.cells():
            assert not cell.key or has_key(cell.recipe)
            if cell.teacher and cell.recipe.policy != "normal":
                assert scale.wrapping(cell.recipe, cell.data).epochs > 0
            if cell.student:
                assert scale.teaching(cell.student, cell.data).alpha == 0.9
    assert [table.number for table in tables(scale)] == [1, 2, 3, 4, 5, 6]


def _cell(mean: float, over: float | None = None, **more: Any) -> dict[str, Any]:
    found = {"mean": mean, "std": 0.5, "seeds": 3, "values": [mean] * 3, "collapsed": 0, "diverged": 0, **more}
    return found | ({} if over is None else {"over_scratch": {"mean": over, "std": 0.2, "seeds": 3}})


def _table(closed: float, opened: float) -> dict[str, Any]:
    sdb = {
        "box closed": _cell(94.0),
        "box open": _cell(93.9),
        "student closed": _cell(86.0 + closed, closed, paper_over_scratch=-1.42),
        "student open": _cell(86.0 + opened, opened, paper_over_scratch=1.88),
    }
    ke = {"box closed": _cell(40.0, collapsed=2), "student closed": _cell(30.0, -56.0, collapsed=2)}
    rows = [
        {"label": "no teacher", "cells": {"student closed": _cell(86.0)}},
        {"label": "normal", "cells": {"box closed": _cell(94.2), "student closed": _cell(86.9, 0.9)}},
        {"label": "ke", "cells": ke},
        {"label": "sdb", "cells": sdb},
    ]
    columns = ["box closed", "box open", "student closed", "student open"]
    about = {"number": 1, "title": "a title", "about": "what it is.", "data": FIRST}
    return {**about, "columns": columns, "rows": rows}


def _result() -> dict[str, Any]:
    images = {"source": "given", "train": 5000, "train_of": 50000, "test": 10000, "test_of": 10000, "classes": 10}
    empty = {"number": 2, "title": "none", "about": "", "data": "second", "columns": [], "rows": []}
    return {
        **{"scale": "small", "words": "some words", "differs": ["a way"], "epochs_share": 0.5, "seeds": 3},
        **{"missing": {"1": 0, "2": 4}, "command": "the command", "devices": ["a device"]},
        **{"code_versions": ["1+abc"], "trainings": 9, "training_seconds": 7200.0, "processor_seconds": 60.0},
        "versions": {"python": "3", "torch": "2"},
        "data": {FIRST: {**images, "shape": [3, 32, 32], "sha256": "0" * 64}},
        "tables": [_table(-2.0, 1.0), empty],
    }


def test_the_page_puts_our_numbers_beside_the_papers() -> None:
    lines = rendered([_result()]).splitlines()
    sdb = next(line for line in lines if line.startswith("| sdb "))
    assert "84.0 +- 0.5 (-2.0)" in sdb
    assert sdb.endswith("| student closed (-1.42), student open (+1.88) |")
    ke = next(line for line in lines if line.startswith("| ke "))
    assert "40.0 +- 0.5 *collapsed 2 of 3*" in ke
    assert ke.endswith("| - |  |")  # nothing measured in the last column, nothing known of the paper
    assert any("not found" in line for line in lines)
    assert any("only 50% of this scale's epochs" in line for line in lines)
    assert any("give --second a CIFAR-100" in line for line in lines)


def test_a_reading_follows_the_numbers() -> None:
    good, bad = reading(_table(-2.0, 1.0)), reading(_table(0.5, -1.0))
    assert "1 of 2 boxes are within 2 points" in good
    assert "sdb hides most (closed student -2.0" in good
    assert good.count(", the same sign") == 2
    assert bad.count(", not the same sign") == 2
    assert "none of these has a student below" in bad
