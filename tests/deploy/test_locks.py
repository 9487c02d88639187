"""The locks of the images are parts of the one lock: what was tested is what is shipped."""

import re

import pytest

from tests.deploy.description import ROOT

IMAGES = ("api", "worker")
WHOLE = ROOT / "requirements.lock"

each_image = pytest.mark.parametrize("image", IMAGES)


@each_image
def test_every_version_of_an_image_is_the_tested_one(image: str) -> None:
    whole, part = _pins(WHOLE.read_text()), _pins(_lock(image))
    assert part
    assert {name: pin for name, pin in part.items() if whole.get(name) != pin} == {}


@each_image
def test_every_package_has_hashes(image: str) -> None:
    entries = re.split(r"\n(?=\S)", _lock(image).strip())
    assert all("==" in entry.splitlines()[0] for entry in entries)
    assert [entry.splitlines()[0] for entry in entries if "--hash=sha256:" not in entry] == []


@each_image
def test_a_lock_names_no_address(image: str) -> None:
    assert "://" not in _lock(image)
    assert "index-url" not in _lock(image)


def test_the_api_has_no_torch() -> None:
    heavy = {"torch", "torchvision", "onnxscript", "scikit-learn", "triton"}
    assert heavy & set(_pins(_lock("api"))) == set()
    assert {"torch", "torchvision"} <= set(_pins(_lock("worker")))


@each_image
def test_an_image_has_no_tools_of_the_tests(image: str) -> None:
    assert {"pytest", "moto", "playwright", "mypy", "ruff"} & set(_pins(_lock(image))) == set()


def _lock(image: str) -> str:
    return (ROOT / "deploy" / f"requirements-{image}.lock").read_text()


def _pins(text: str) -> dict[str, str]:
    """Package names with their versions; where a version depends on the machine, all of them."""
    pins: dict[str, str] = {}
    for name, version in re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", text, re.MULTILINE):
        pins[name] = " ".join(sorted({*pins.get(name, "").split(), version}))
    return pins
