"""Each claim of docs/security.md names the tests that prove it, and those tests are there."""

import re

import pytest

from tests.house.tree import ROOT

pytestmark = pytest.mark.trust

PAGE = ROOT / "docs" / "security.md"
LINK = re.compile(r"\[([^\]]+)\]\(\.\./(tests/[\w/]+\.py)\)")
NOT_MET = "not met"


def test_every_test_that_the_page_names_is_where_it_says() -> None:
    links = LINK.findall(PAGE.read_text())
    assert len(links) > 100
    gone = [f"{words} in {path}" for words, path in links if f"def test_{words.replace(' ', '_')}(" not in _text(path)]
    assert gone == []


def test_every_claim_has_a_test_or_says_that_it_is_not_met() -> None:
    """Rows of the tables whose last column is `test`."""
    bare, has_tests = [], False
    for line in PAGE.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not line.startswith("|"):
            has_tests = False
        elif cells[-1] == "test":
            has_tests = True
        elif has_tests and set(line) - set("|-"):
            proven = LINK.search(cells[-1]) or NOT_MET in line
            bare += [] if proven else [line]
    assert bare == []


def _text(path: str) -> str:
    found = ROOT / path
    return found.read_text() if found.is_file() else ""
