"""What must never be in the tree, and what must be where the documents say."""

import re
from pathlib import Path

import pytest

from tests.house.tree import FOLDERS, ROOT, files, named

DOCUMENTS = sorted([*ROOT.glob("*.md"), *files("docs", ending=".md")])
PAGES = [path for path in files("api/dashboard") if path.suffix in {".html", ".js", ".css", ".svg"}]
_NAMESPACE = "http://www.w3.org/"  # names a language; nobody loads it


def test_the_lock_has_a_hash_for_every_package_and_no_address() -> None:
    text = (ROOT / "requirements.lock").read_text()
    entries = re.split(r"\n(?=\S)", text.strip())
    assert len(entries) > 100
    assert [entry.splitlines()[0] for entry in entries if "--hash=sha256:" not in entry] == []
    assert "://" not in text
    assert "index-url" not in text


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_a_page_loads_nothing_from_elsewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8").replace(_NAMESPACE, "")
    assert re.findall(r"(?:https?:)?//[a-z0-9-]+\.[a-z]{2,}[^\s\"')]*", text) == []


def test_plotly_is_taken_from_its_package_and_not_kept_here() -> None:
    assert [named(path) for path in files(*FOLDERS) if re.search(r"plotly.*\.js$", path.name)] == []
    assert [named(path) for path in PAGES if path.stat().st_size > 100_000] == []


def test_no_key_and_no_database_lies_in_the_tree() -> None:
    endings = {".db", ".pem", ".key", ".p12", ".pt", ".pth", ".pkl"}
    assert [named(path) for path in files(*FOLDERS) if path.suffix in endings or path.name == ".env"] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_every_path_that_a_document_names_exists(document: Path) -> None:
    missing = [target for target in _linked(document) if not (document.parent / target).exists()]
    missing += [target for target in _mentioned(document) if not (ROOT / target).exists()]
    assert missing == []


def _linked(document: Path) -> list[str]:
    """Targets of relative links."""
    targets = re.findall(r"\]\(([^)\s]+)\)", document.read_text(encoding="utf-8"))
    ours = [target for target in targets if "://" not in target and not target.startswith(("#", "mailto:"))]
    return [target.partition("#")[0] for target in ours]


def _mentioned(document: Path) -> list[str]:
    """Words in backticks that begin with one of the project's folders, such as `docs/method.md`."""
    words = re.findall(r"`([^`\s]+)`", document.read_text(encoding="utf-8"))
    paths = [word.rstrip("/") for word in words if word.partition("/")[0] in FOLDERS and "/" in word]
    return [path for path in paths if not re.search(r"[<>{}*$()|,:]", path)]
