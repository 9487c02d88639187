"""The figures: each says its finding, and the same report gives the same bytes on every machine and day."""

import re
import subprocess
import sys
from types import ModuleType
from typing import Any
from xml.etree import ElementTree

import matplotlib
import pytest

from sdb_core.evidence import read_report
from sdb_core.figures import Drawing, attacks, draw_figures, loss_curves, soft_labels
from sdb_core.figures.drawing import drawing_style
from tests.core.reports import full_report, old_report

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def drawings() -> dict[str, Drawing]:
    return {each.name: each for each in draw_figures(full_report())}


@pytest.fixture(scope="module")
def words(drawings) -> dict[str, list[str]]:
    """The texts of each figure in the order in which they are drawn."""
    return {name: [text.text or "" for text in _parsed(each).iter(f"{SVG}text")] for name, each in drawings.items()}


def _parsed(drawing: Drawing) -> ElementTree.Element:
    return ElementTree.fromstring(drawing.svg)


def _drawn(figure: ModuleType, report: dict[str, Any]) -> Drawing:
    """One figure alone."""
    with drawing_style():
        drawing: Drawing = figure.draw(read_report(report))
    return drawing


def test_a_full_report_has_the_four_figures_and_each_title_says_what_was_found(drawings):
    assert {name: each.title for name, each in drawings.items()} == {
        "students": "Without the key, a student ends 23.4 ± 2.4 points below one that never saw the box; "
        "with the key, 0.5 ± 0.2 points above one taught by the original",
        "attacks": "Of 10 attacks without key and weights (1 not judged), the best, label-only, "
        "ends 1.4 ± 0.8 points over the floor",
        "soft-labels": "Without the key 32% of the probability lies elsewhere than the original puts it, "
        "with the key 22%",
        "loss-curves": "The loss of sdb-hardened fell from 4 to 0.0204 in 196 steps",
    }


def test_the_same_report_gives_the_same_bytes_whatever_the_machine_is_set_to(drawings):
    with matplotlib.rc_context({"font.size": 20.0, "svg.hashsalt": None, "svg.fonttype": "path", "axes.grid": True}):
        again = {each.name: each for each in draw_figures(full_report() | {"soft_labels": []})}
        assert [name for name, each in again.items() if each.svg != drawings[name].svg] == []
        assert again["loss-curves"].png() == drawings["loss-curves"].png()
        assert matplotlib.rcParams["font.size"] == 20.0
    assert drawings["loss-curves"].png().startswith(b"\x89PNG")


def test_svgs_name_no_date_no_program_and_no_address_and_may_stand_in_one_page(drawings):
    page = "".join(each.inline_svg() for each in drawings.values())
    assert not re.search(r"https?:|Matplotlib v|<script|<metadata|<style|xmlns|<!--|<!doctype", page)
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids)) > 100
    assert set(re.findall(r'(?:url\(|href=")#([\w-]+)', page)) <= set(ids)
    assert page.count('role="img" aria-label="') == 4


def test_students_stand_beside_their_rivals_with_accuracy_and_difference(words):
    assert [text for text in words["students"] if text.startswith(("nobody", "the ", "sdb"))][:2] == [
        "nobody",
        "nobody, with label smoothing",
    ]
    for text in ("sdb's box, without the key", "71.4", "−23.4", "test accuracy, %"):
        assert text in words["students"]


def test_attacks_are_grouped_by_what_the_attacker_holds_the_strongest_first(words):
    rows = words["attacks"]
    names = [text for text in rows if re.fullmatch(r"[a-z][a-z0-9-]+-[a-z0-9]+", text)]
    assert names[0] == "label-only"
    assert names[-4:] == ["far-below", "partial-key-90", "partial-key-50", "key-recovery"]
    headings = [text for text in rows if text.startswith(("Answers", "The box"))]
    assert headings == ["Answers alone: no key, no weights", "Answers and a part of the key", "The box's weights"]
    assert "−55.0 ± 0.8" in rows
    assert "0.62" in rows


def test_of_many_classes_the_likeliest_and_the_true_one_are_shown():
    report = full_report()
    image = report["soft_labels"][0]
    image["label"] = 77
    for name in ("original", "closed", "open"):
        image[name] = [0.5 if number == 3 else 0.5 / 99 for number in range(100)]
    report["soft_labels"] = [image]
    soft = _drawn(soft_labels, report)
    texts = [text.text for text in _parsed(soft).iter(f"{SVG}text")]
    assert {"3", "77"} <= set(texts)
    assert sum(text is not None and text.isdigit() for text in texts) == 10


def test_a_loss_below_zero_is_drawn_on_a_plain_scale():
    report = full_report()
    report["history"] = [{"step": float(step), "loss": 1.0 - step, "dis": -2.0 * step} for step in range(5)]
    curves = _drawn(loss_curves, report)
    assert "loss, nats" in [text.text for text in _parsed(curves).iter(f"{SVG}text")]


def test_what_was_not_measured_has_no_figure():
    assert [each.name for each in draw_figures(old_report() | {"soft_labels": []})] == ["students", "attacks"]
    report = full_report() | {"schema": "sdb-accuracy/1", "students": {}, "attacks": [], "soft_labels": []}
    assert [each.name for each in draw_figures(report)] == ["loss-curves"]


def test_a_name_is_a_name_and_neither_a_formula_nor_markup():
    report = full_report()
    report["attacks"][0]["name"] = r"$\frac{<script>alert(1)"
    drawing = _drawn(attacks, report)
    assert r"$\frac{<script>alert(1)" in [text.text for text in _parsed(drawing).iter(f"{SVG}text")]
    assert "<script" not in drawing.inline_svg()


def test_matplotlib_is_loaded_when_figures_are_asked_for_and_not_before():
    code = """
import sys
import sdb_core, sdb_core.report_page, sdb_core.evidence
print([name for name in ("matplotlib", "torch") if name in sys.modules])
import sdb_core.figures
print("matplotlib" in sys.modules, "matplotlib.pyplot" in sys.modules)
"""
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.splitlines() == ["[]", "True False"]
