"""The method on a machine that has torch, torchvision, numpy and safetensors, and no other package."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sdb_core.errors import DatasetUnreadable
from sdb_core.queries import IMAGE_SETS
from tests.core.bare import known_names
from tests.core.conftest import bars
from tests.core.datasets.making import folder, zipped

ROOT = Path(__file__).resolve().parents[2]
BRIEF = ("--set", "epochs=1", "--set", "batch_size=32")
ATTACKS = ("top-1", "data-free")


@pytest.fixture(scope="module")
def told(tmp_path_factory) -> dict[str, Any]:
    """What a Python without any other package answers to the commands."""
    place = tmp_path_factory.mktemp("bare")
    _save(place / "bars.npz")
    zipped(place / "pictures.zip", folder())
    line = [sys.executable, "-m", "tests.core.bare", json.dumps([*_commands(place).values()])]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found | dict(zip(_commands(place), found["answers"], strict=True))


def _save(path: Path) -> None:
    train, test = bars(96, seed=0), bars(30, seed=1)
    pixels = {"x_train": train.images, "x_test": test.images}
    arrays = {name: images.squeeze(1).numpy() for name, images in pixels.items()}  # [N, H, W]
    np.savez(path, **arrays, y_train=train.labels.numpy(), y_test=test.labels.numpy())


def _commands(place: Path) -> dict[str, list[str]]:
    data, model, box = f"--data={place / 'bars.npz'}", f"--model={place / 'net.safetensors'}", f"--box={place / 'box'}"
    judged = (data, model, box, "--seeds", "1", *BRIEF)
    net = str(place / "net.safetensors")
    return {
        "train": ["train", data, "--out", net, "--set", "epochs=4", "--set", "batch_size=16"],
        "pictures": [
            "train",
            f"--data={place / 'pictures.zip'}",
            "--out",
            str(place / "pictures.safetensors"),
            "--set",
            "epochs=0",
        ],
        "wrap": ["wrap", data, model, "--out", str(place / "box"), *BRIEF],
        "attack": ["attack", *judged, "--attacks", *ATTACKS],
        "evaluate": ["evaluate", *judged, "--level", "quick", "--compare", "ke"],
        "digits": ["train", "--out", net],
        "photographs": ["attack", *judged, "--attacks", "top-1", "out-of-distribution"],
    }


def test_every_module_but_the_figures_loads(told):
    assert told["unloadable"] == []
    assert known_names() & {"sklearn", "scipy", "pyarrow", "matplotlib", "pydantic", "rich", "timm", "onnx"} == set()


def test_a_box_is_made_attacked_and_judged(told):
    assert [told[name]["code"] for name in ("train", "pictures", "wrap", "attack", "evaluate")] == [0] * 5
    assert [row["name"] for row in told["attack"]["said"]["attacks"]] == list(ATTACKS)
    assert told["evaluate"]["said"]["comparison"]["ke"]["config"]["batch_size"] == 32


@pytest.mark.parametrize("name", ["digits", "photographs"])
def test_what_needs_scikit_learn_is_refused_with_the_cure(told, name):
    assert told[name]["code"] == 1
    assert told[name]["said"]["error"]["code"] == "dataset_unreadable"
    assert "pip install scikit-learn" in told[name]["said"]["error"]["message"]


def test_only_the_photographs_lack_anything_without_scikit_learn(monkeypatch, splits):
    assert {name for name, images in IMAGE_SETS.items() if images.missing()} == set()
    for module in ("sklearn", "sklearn.datasets"):
        monkeypatch.setitem(sys.modules, module, None)
    assert {name for name, images in IMAGE_SETS.items() if images.missing()} == {"photographs"}
    with pytest.raises(DatasetUnreadable, match="pip install scikit-learn"):
        IMAGE_SETS["photographs"].make(splits.train, 0)
