"""A report's page as the supervisor takes it from the child: ours passes whole, anything that could act does not."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sdb_core.report_page import report_page
from sdb_service.storage.local import LocalStorage
from tests.core.reports import full_report
from worker.supervisor.pages import PageRefused, require_plain_page
from worker.supervisor.publishing import BadOutput, store_report
from worker.supervisor.workplace import Workplace

HEAD = '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
PLAIN = HEAD + '<title>a</title></head><body><p class="soft">1 &lt; 2</p></body></html>'

HOSTILE = {
    "a script": "<script>alert(1)</script>",
    "a script in other letters": "<ScRiPt>alert(1)</ScRiPt>",
    "a script in a drawing": "<svg><script>alert(1)</script></svg>",
    "a handler": '<p onclick="alert(1)">a</p>',
    "a handler without quotes": "<p onclick=alert(1)>a</p>",
    "a handler after a slash": "<svg/onload=alert(1)>",
    "a handler in a tag that a comment hides": "<!--><p onclick=alert(1)>-->",
    "an image": '<img src="x">',
    "a frame": '<iframe srcdoc="a"></iframe>',
    "a form": '<form action="/v1/tokens"></form>',
    "a link elsewhere": '<use href="https://sdb.example/a.svg#b"/>',
    "a link with a script": '<use href="javascript:alert(1)"/>',
    "a refresh": '<meta http-equiv="refresh" content="0;url=https://sdb.example">',
    "another encoding": '<meta charset="iso-2022-jp">',
    "an escape that changes the encoding": "\x1b$@",
    "a style that loads": "<style>p { background: url(https://sdb.example/p) }</style>",
    "a style that loads more styles": "<style>@import 'https://sdb.example/p';</style>",
    "a style that hides what it loads": "<style>p { background: \\75rl(https://sdb.example/p) }</style>",
    "an attribute that hides what it loads": '<p style="background: url&#40;https://sdb.example/p)">a</p>',
    "a style that never ends": "<style>",
    "a lone bracket": "1 < 2",
}


def test_our_own_page_is_plain() -> None:
    require_plain_page(report_page(full_report(), names={"box": "box_1"}).encode())
    require_plain_page(PLAIN.encode())


def test_our_own_page_is_plain_whatever_its_model_is_called() -> None:
    page = report_page(full_report(), names={"model": "<script>\x1b$@\0", "data": 'a"b&<img src=x>'})
    require_plain_page(page.encode())
    assert "model &lt;script&gt;\ufffd$@\ufffd · data a&quot;b&amp;&lt;img src=x&gt;" in page


@pytest.mark.parametrize("name", list(HOSTILE))
def test_what_could_act_or_load_is_refused(name: str) -> None:
    with pytest.raises(PageRefused):
        require_plain_page(PLAIN.replace("</body>", f"{HOSTILE[name]}</body>").encode())


@pytest.mark.parametrize("content", [b"", b"\xff\xfe<", PLAIN.replace("utf-8", "utf-7").encode(), PLAIN[1:].encode()])
def test_a_page_begins_as_ours_do(content: bytes) -> None:
    with pytest.raises(PageRefused):
        require_plain_page(content)


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    made = Workplace(tmp_path / "in", tmp_path / "out")
    made.artifacts.mkdir(parents=True)
    (made.artifacts / "report.json").write_text(json.dumps(full_report()))
    return made


@pytest.fixture
def runtime(tmp_path: Path) -> Any:
    return SimpleNamespace(storage=LocalStorage(tmp_path / "files"))


def test_report_and_page_are_stored_side_by_side(place: Workplace, runtime: Any) -> None:
    (place.artifacts / "report.html").write_text(PLAIN)
    assert store_report(runtime, place, "jobs/a/1/artifacts") == "jobs/a/1/artifacts/report.json"
    assert b"".join(runtime.storage.read("jobs/a/1/artifacts/report.html")) == PLAIN.encode()


@pytest.mark.parametrize("page", [None, "", PLAIN.replace("<p", "<script"), PLAIN + " " * (9 * 2**20)])
def test_a_page_that_is_missing_or_hostile_or_huge_publishes_nothing(
    place: Workplace, runtime: Any, page: str | None
) -> None:
    if page is not None:
        (place.artifacts / "report.html").write_text(page)
    with pytest.raises(BadOutput):
        store_report(runtime, place, "jobs/a/1/artifacts")
    assert runtime.storage.keys("jobs") == []
