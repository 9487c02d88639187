"""A program with the library alone: opened at the user's word, in the user's own process."""

import json

import numpy as np
import pytest

from sdb_core.__main__ import main
from tests.core.conftest import bars


@pytest.fixture
def folder(tmp_path, tiny_bytes):
    (tmp_path / "net.pt2").write_bytes(tiny_bytes)
    images = bars(60, seed=0)
    np.savez(tmp_path / "bars.npz", images=images.images.permute(0, 2, 3, 1).numpy(), labels=images.labels.numpy())
    return tmp_path


def answer(capsys, *arguments: object) -> dict:
    assert main([*map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_trusted_program_is_wrapped_and_its_box_distilled(folder, capsys):
    task = ("--data", folder / "bars.npz", "--architecture", "program", "--trust-program")
    wrapped = answer(
        capsys, "wrap", *task, "--model", folder / "net.pt2", "--policy", "normal", "--out", folder / "box"
    )
    assert wrapped["closed"] == wrapped["original"]
    teacher = ("--teacher", folder / "box" / "box.safetensors", "--program", folder / "net.pt2", "--student", "program")
    assert not answer(capsys, "distill", *task, *teacher, "--set", "epochs=1")["with_key"]


@pytest.mark.parametrize(
    ("options", "code", "cure"),
    [
        (("--model", "net.pt2"), "program_untrusted", "--trust-program"),
        (("--model", "net.pt2", "--trust-program", "--program", "none.pt2"), "checkpoint_unreadable", ".pt2"),
    ],
)
def test_a_program_is_not_opened_without_the_users_word_for_it(folder, capsys, monkeypatch, options, code, cure):
    monkeypatch.chdir(folder)
    asked = ["wrap", "--data", "bars.npz", "--architecture", "program", "--out", "box", *options, "--json"]
    assert main(asked) == 1
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["code"] == code
    assert cure in error["message"]


def test_training_a_program_from_nothing_needs_its_file(folder, capsys):
    task = (
        "--data",
        folder / "bars.npz",
        "--architecture",
        "program",
        "--trust-program",
        "--out",
        folder / "m.safetensors",
    )
    assert main([str(part) for part in ("train", *task)]) == 1
    assert "--program FILE.pt2" in capsys.readouterr().err
    trained = answer(capsys, "train", *task, "--program", folder / "net.pt2", "--set", "epochs=1")
    assert trained["input"]["height"] == 8
