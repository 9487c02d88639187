"""The page of a report: whole, readable without the service, and harmless whatever the report holds."""

import copy
import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from sdb_core.__main__ import main
from sdb_core.errors import ReportUnreadable
from sdb_core.evidence import read_report
from sdb_core.report_page import limits, report_page
from tests.core.reports import OLD, full_report, old_report, served_in_int8

HOSTILE = """</style></title><script>alert(1)</script><img src=x onerror=alert(1)>"'&$policy\x00"""
VOID = {"meta"}


class Reader(HTMLParser):
    """Tags, attributes and texts of a page; a tag that is not closed in its turn is an error."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.rows: list[list[str]] = []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attributes}
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, text: str) -> None:
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += text

    def row(self, start: str) -> list[str]:
        """The first row whose name begins so."""
        return next(row for row in self.rows if row[0].startswith(start))


@pytest.fixture(scope="module")
def page() -> str:
    return report_page(full_report(), names={"Box": "box_1"})


@pytest.fixture(scope="module")
def read(page) -> Reader:
    return Reader(page)


def test_the_page_stands_alone(page, read):
    assert read.tags & {"script", "link", "img", "iframe", "object", "base", "form"} == set()
    assert read.attributes & {"src", "srcset", "action", "http-equiv"} == set()
    assert not [name for name in read.attributes if name.startswith("on")]
    assert not re.search(r"https?:|//\w|@import|url\((?!#)", page)
    assert page.count("<svg") == 4


def test_every_verdict_stands_in_words_with_its_number_and_limit(page):
    for verdict in full_report()["verdicts"].values():
        assert verdict["why"] in page
    assert "1.4 ± 0.8 points over the floor <small>wanted: at most 1</small>" in page
    assert "23.4 ± 2.5 points hidden <small>wanted: at least 5</small>" in page
    assert "0.2 points lost <small>wanted: at most 1</small>" in page
    assert page.count("✓ holds") == 3
    assert page.count("✗ does not hold") == 1
    assert "Box box_1" in page


def test_tables_give_each_number_with_its_spread_and_its_difference(read):
    assert read.row("the box, without the key")[1:] == ["98.1", "−0.2"]
    students = [row for row in read.rows if row[0] == "the box, without the key"][1]
    assert students[1:] == ["71.4 ± 4.2", "3", "−23.4 ± 2.4", "−25.6 ± 2.4"]
    assert read.row("sdb (the paper's losses)")[3:5] == ["93.9 ± 0.8", "+0.9 ± 0.6"]


def test_an_attack_says_what_it_saw_asked_had_held_and_won(read):
    assert read.row("label-only") == [
        "label-onlyWhat label-only does.",
        "labels",
        "1,437",
        "all 1437 training images with their labels",
        "no",
        "95.2 ± 0.4",
        "96.6 ± 1.3",
        "+1.4 ± 0.8",
        "0.78",
    ]
    assert read.row("key-recovery")[0].endswith("correlation: 0.03125.")
    assert read.row("far-below")[0].endswith(
        "Student: sdb:cnn-mini. Not judged: right less than half as often as the box, and less often than from scratch."
    )
    names = [row[0] for row in read.rows]
    held = [names.index(f"The attacker holds {what}") for what in _GROUPS]
    assert held == sorted(held)
    assert held[2] < next(place for place, name in enumerate(names) if name.startswith("key-recovery"))


_GROUPS = ("answers alone: no key, no weights", "answers and a part of the key", "the box's weights")


def test_settings_and_provenance_are_all_there(page):
    provenance = full_report()["provenance"]
    for text in (provenance["model_sha256"], provenance["dataset_sha256"], "wrap.epochs", "3 min 23 s", "cpu"):
        assert text in page
    assert "evaluation.student_settings.alpha" in page
    assert "wrap 0, evaluation 7; students of each kind: 3" in page
    assert "<dt>beside.sdb.omega</dt><dd>0.125</dd>" in page
    assert "beside.sdb.epochs" not in page


def test_what_it_does_not_show_depends_on_what_was_run(page):
    assert "the rows under weights show what that is worth" in page
    assert "no such attack was run for this report" in limits.listed(read_report(old_report()))


def test_whatever_text_a_report_holds_stays_text():
    report = _with_hostile_texts(full_report())
    read = Reader(report_page(report, names={HOSTILE: HOSTILE}))
    assert read.tags & {"script", "img"} == set()
    assert not [name for name in read.attributes if name.startswith("on")]
    assert any("<script>alert(1)</script>" in cell for row in read.rows for cell in row)


def _with_hostile_texts(value: Any, place: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _with_hostile_texts(entry, name) for name, entry in value.items()} | (
            {HOSTILE: copy.deepcopy(next(iter(value.values())))} if place in ("students", "attacks", "wrap") else {}
        )
    if isinstance(value, list):
        return [_with_hostile_texts(entry, place) for entry in value]
    return HOSTILE if isinstance(value, str) and place != "schema" else value


def test_a_box_in_int8_says_what_that_changes_and_what_was_not_measured_in_it():
    page = report_page(served_in_int8(full_report()))
    table = [row for row in Reader(page).rows if row[0] == "the box, without the key"][1]
    assert table[1:] == ["98.1", "97.9", "−0.2", "99.4", "0.0312", "0.5"]
    assert "21 kB instead of 39 kB" in page
    assert "were measured with the box in float32, not as it is served" in page
    assert "more than the 1 point" not in page
    assert "int8" not in report_page(full_report())


def test_a_box_that_loses_more_in_int8_than_fidelity_allows_says_so():
    assert "In int8 it loses more than the 1 point" in report_page(served_in_int8(full_report(), closed=97.0))


def test_a_report_of_accuracies_alone_is_a_page_too():
    report = old_report()
    short = {name: report[name] for name in ("policy", "accuracy", "provenance")} | {"schema": "sdb-accuracy/1"}
    page = report_page(short)
    assert "98.1" in page
    assert "No attacks were run for this report." in page


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda report: report.update(schema="sdb-report/9"), "no report of the form"),
        (lambda report: report["accuracy"].update(closed=None), "accuracy.closed"),
        (lambda report: report["attacks"][1].pop("floor"), "attacks[1].floor"),
        (lambda report: report["students"]["open"].update(mean=float("nan")), "students.open.mean"),
        (lambda report: report.update(attacks={}), "attacks is not a list"),
        (lambda report: report["soft_labels"][0].update(open=[1.0]), "soft_labels[0]"),
        (lambda report: report["attacks"][0].update(name=7), "attacks[0].name"),
        (lambda report: report["verdicts"]["fidelity"].update(standard_error="0.1"), "fidelity.standard_error"),
        (lambda report: report.update(agreement={"images": 360}), "agreement.only_original_right"),
        (lambda report: served_in_int8(report)["serving"].update(bytes={}), "serving.bytes.float32"),
        (lambda report: served_in_int8(report)["serving"].pop("accuracy"), "serving.accuracy"),
        (lambda report: report.update(not_measured=[{"what": "it"}]), "not_measured[0].why"),
        (lambda report: report["comparison"]["sdb"].update(config=[]), "comparison.sdb.config"),
    ],
)
def test_what_is_no_report_is_refused_with_the_place(change, place):
    report = old_report()
    change(report)
    with pytest.raises(ReportUnreadable) as refused:
        report_page(report)
    assert place in refused.value.message


def test_without_matplotlib_the_page_says_what_it_lacks():
    code = f"""
import json, sys
sys.modules["matplotlib"] = None
from sdb_core.evidence import read_report
from sdb_core.report_page import limits, report_page
print(report_page(json.load(open({str(OLD)!r}))))
"""
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "matplotlib was not installed" in told
    assert "<svg" not in told
    assert json.loads(OLD.read_text())["verdicts"]["fidelity"]["why"] in told


def test_the_command_writes_the_page_and_its_figures(tmp_path, capsys):
    written = tmp_path / "report.json"
    written.write_text(json.dumps(full_report() | {"attacks": [], "soft_labels": []}))
    assert main(["report", str(written), "--figures", str(tmp_path / "figures"), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["page"] == str(tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text().count("<svg") == 2
    names = [Path(name).name for name in answer["figures"]]
    assert names == ["students.svg", "students.png", "loss-curves.svg", "loss-curves.png"]
    assert all((tmp_path / "figures" / name).stat().st_size > 1000 for name in names)


@pytest.mark.parametrize(
    ("content", "options", "code"),
    [
        ("{", [], "report_unreadable"),
        ("[]", [], "report_unreadable"),
        (None, [], "report_unreadable"),
        (json.dumps(old_report()), ["--out", "absent/page.html"], "invalid_settings"),
    ],
)
def test_the_command_refuses_with_code_and_cure_and_writes_nothing(
    tmp_path, capsys, monkeypatch, content, options, code
):
    monkeypatch.chdir(tmp_path)
    if content is not None:
        (tmp_path / "report.json").write_text(content)
    assert main(["report", "report.json", *options, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["error"]["code"] == code
    assert list(tmp_path.glob("**/*.html")) == []
