"""The library alone: train, wrap, distil and evaluate from a shell."""

import json
import subprocess
import sys

import pytest

from sdb_core.__main__ import main
from sdb_core.keys import Key
from tests.core.datasets.making import cifar10_binary, tarred, tiny_imagenet, zipped


def answer(capsys, *arguments: str) -> dict:
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.fixture(scope="module")
def made_box(tmp_path_factory) -> tuple[str, ...]:
    """The options that name an untrained model and its box."""
    place = tmp_path_factory.mktemp("made")
    model, box = place / "model.safetensors", place / "box"
    assert main(["train", "--out", str(model), "--set", "epochs=0"]) == 0
    assert main(["wrap", "--model", str(model), "--out", str(box), "--policy", "normal"]) == 0
    return "--model", str(model), "--box", str(box)


def test_a_box_is_made_and_judged_with_no_service(tmp_path, capsys):
    model, box = tmp_path / "model.safetensors", tmp_path / "box"
    trained = answer(capsys, "train", "--out", str(model), "--set", "epochs=2")
    assert trained["accuracy"] > 60
    short = ("--set", "epochs=1", "--set", "min_steps=0")
    made = answer(capsys, "wrap", "--model", str(model), "--out", str(box), *short)
    assert made["original"] == trained["accuracy"]
    key = Key.load(box / "key.safetensors")
    assert key.kappa.shape == (1, 8, 8)
    student = ("distill", "--teacher", str(box / "box.safetensors"), "--student", "sdb:cnn-small", *short)
    assert answer(capsys, *student, "--key", str(box / "key.safetensors"))["with_key"]
    assert not answer(capsys, *student)["with_key"]
    judged = answer(capsys, "evaluate", "--model", str(model), "--box", str(box), "--level", "none")
    assert judged["accuracy"]["closed"]["mean"] == made["closed"]


def test_a_key_is_fresh_at_every_wrap_unless_a_seed_is_given(tmp_path, capsys):
    model = tmp_path / "model.safetensors"
    answer(capsys, "train", "--out", str(model), "--set", "epochs=0")
    digests = []
    for name, seed in (("a", ()), ("b", ()), ("c", ("--key-seed", "4")), ("d", ("--key-seed", "4"))):
        answer(capsys, "wrap", "--model", str(model), "--out", str(tmp_path / name), "--policy", "normal", *seed)
        digests.append(Key.load(tmp_path / name / "key.safetensors").digest())
    assert digests[0] != digests[1]
    assert digests[2] == digests[3]


def test_a_preset_stands_under_the_settings_and_brings_the_scale_of_its_data(tmp_path, capsys):
    data, model, box = tarred(tmp_path / "a.tar.gz", cifar10_binary()), tmp_path / "model.safetensors", tmp_path / "box"
    paper = ("--data", str(data), "--preset", "paper-cifar10", "--set", "epochs=0")
    trained = answer(capsys, "train", "--out", str(model), *paper)
    assert (trained["input"]["mean"], trained["input"]["std"]) == ([0.4914, 0.4822, 0.4465], [0.247, 0.243, 0.261])
    answer(capsys, "wrap", "--model", str(model), "--out", str(box), "--policy", "sdb", *paper)
    config = json.loads((box / "history.json").read_text())["config"]
    assert (config["epochs"], config["lam"], config["weight_decay"]) == (0, 0.5, 5e-4)
    assert Key.load(box / "key.safetensors").lam == 0.5
    student = ("distill", "--teacher", str(model), "--student", "sdb:cnn-mini")
    assert answer(capsys, *student, *paper)["accuracy"] >= 0


def test_tiny_imagenets_recipe_brings_its_scale_however_it_is_named(tmp_path, capsys):
    data, out = zipped(tmp_path / "tiny.zip", tiny_imagenet()), str(tmp_path / "model.safetensors")
    line = ("train", "--data", str(data), "--out", out, "--set", "epochs=0")
    by_option = answer(capsys, *line, "--preset", "nasty-tiny-imagenet")["input"]
    assert (by_option["height"], by_option["mean"]) == (64, [0.4802, 0.4481, 0.3975])
    assert answer(capsys, *line, "--set", "preset=nasty-tiny-imagenet")["input"] == by_option
    named = ("--mean", "0.5", "0.4", "0.3")
    mixed = answer(capsys, *line, "--preset", "nasty-tiny-imagenet", *named)["input"]
    assert (mixed["mean"], mixed["std"]) == ([0.5, 0.4, 0.3], [0.2302, 0.2265, 0.2262])


@pytest.mark.parametrize(
    ("line", "level", "seeds", "compare"),
    [
        (("evaluate", "--level", "none"), "none", 3, ["sdb"]),
        (("evaluate", "--level", "none", "--preset", "quick"), "none", 1, []),
        (("evaluate", "--preset", "quick", "--seeds", "2", "--compare", "normal"), "quick", 2, ["normal"]),
        (("attack", "--attacks", "label-only", "--seeds", "1"), "full", 1, []),
        (("attack", "--attacks", "label-only", "--set", "preset=quick"), "quick", 1, []),
        (("attack", "--attacks", "label-only", "--preset", "quick", "--level", "full"), "full", 1, []),
    ],
)
def test_evidence_is_what_is_named_else_the_presets_else_the_usual(made_box, capsys, line, level, seeds, compare):
    found = answer(capsys, *line, *made_box, "--set", "epochs=0")["provenance"]["config"]["evaluation"]
    assert (found["level"], found["seeds"], found["compare"]) == (level, seeds, compare)


def test_a_presets_students_are_taught_by_its_recipe_unless_settings_are_named(made_box, capsys):
    line = ("evaluate", *made_box, "--level", "none", "--preset", "paper-cifar100")
    found = answer(capsys, *line, "--set", "lr=0.5")["provenance"]["config"]["evaluation"]
    assert found["student"] == "sdb:shufflenetv2"
    taught = found["student_settings"]
    assert (taught["temperature"], taught["lr"], taught["optimiser"]) == (20.0, 0.5, "sgd")
    named = answer(capsys, *line, "--student", "sdb:cnn")["provenance"]["config"]["evaluation"]
    assert (named["student"], named["student_settings"]["optimiser"]) == ("sdb:cnn", "adam")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("train", "--out", "m.safetensors", "--mean", "0.5", "0.5", "--std", "0.5", "0.5"), "invalid_settings"),
        (("wrap", "--model", "absent.safetensors", "--out", "box"), "checkpoint_unreadable"),
        (("train", "--out", "m.safetensors", "--set", "epochz=1"), "invalid_settings"),
        (("train", "--out", "m.safetensors", "--set", "preset=quik"), "invalid_settings"),
        (("train", "--out", "m.safetensors", "--data", "absent.zip"), "dataset_unreadable"),
        (("train", "--out", "m.safetensors", "--architecture", "sdb:nn"), "unknown_architecture"),
    ],
)
def test_a_refusal_names_code_and_cure_and_exits_1(capsys, tmp_path, monkeypatch, arguments, code):
    monkeypatch.chdir(tmp_path)
    assert main([*arguments, "--json"]) == 1
    printed = capsys.readouterr()
    assert json.loads(printed.out)["error"]["code"] == code
    assert code in printed.err


NOWHERE = {
    "no folder": (("train", "--out", "absent/m.safetensors"), "make it first"),
    "a name that is not read": (("train", "--out", "m.ckpt"), "ends in .safetensors"),
    "a folder for a file": (("distill", "--teacher", "m.pt", "--out", "."), "name a file in it"),
    "a file for a folder": (("wrap", "--model", "m.pt", "--out", "kept"), "choose another name"),
    "a state nowhere": (("wrap", "--model", "m.pt", "--out", "b", "--checkpoint", "absent/s"), "make it first"),
    "a report nowhere": (("attack", "--model", "m.pt", "--box", "b", "--out", "absent/r.json"), "make it first"),
}


@pytest.mark.parametrize("wrong", NOWHERE)
def test_a_place_that_cannot_take_the_result_is_refused_before_the_work(wrong, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "kept").write_text("precious")
    arguments, cure = NOWHERE[wrong]
    assert main([*arguments, "--json"]) == 1
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["code"] == "invalid_settings"
    assert cure in error["message"]
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_wrong_usage_exits_2():
    found = subprocess.run([sys.executable, "-m", "sdb_core", "fly"], capture_output=True, text=True, check=False)
    assert found.returncode == 2
    assert "usage" in found.stderr
