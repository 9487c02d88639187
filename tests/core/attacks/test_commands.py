"""The panel from a shell: named, and run against a finished box."""

import json

import jsonschema
import pytest

from sdb_core.__main__ import main
from sdb_core.attacks import PANEL
from sdb_core.checkpoints import save_weights
from sdb_core.report import SCHEMA_PATH

BRIEF = ("--seeds", "1", "--set", "epochs=1", "--set", "batch_size=32", "--json")


@pytest.fixture
def box(subject, tmp_path):
    """The tiny box as `wrap` leaves it, with its model beside it and its data in an npz file."""
    save_weights(subject.original, tmp_path / "model.safetensors")
    save_weights(subject.box, tmp_path / "box.safetensors")
    subject.key.save(tmp_path / "key.safetensors", box_id="b")
    record = {"policy": subject.policy, "config": subject.settings.to_dict(), "seed": 0, "history": []}
    (tmp_path / "history.json").write_text(json.dumps(record))
    return tmp_path


@pytest.fixture
def known_data(subject, monkeypatch):
    monkeypatch.setattr("sdb_core.commands.options.open_dataset", lambda _: subject.splits)


def test_the_list_names_every_attack_with_its_interface_and_its_queries(capsys):
    assert main(["attack", "--list", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["panel"]
    assert [row["name"] for row in found] == [attack.name for attack in PANEL]
    assert {"interface", "queries", "holds", "truth", "level"} <= found[0].keys()
    assert main(["attack", "--list"]) == 0
    assert "key-recovery" in capsys.readouterr().out


def test_named_attacks_run_against_a_box_and_answer_a_whole_report(box, known_data, capsys):
    asked = ("attack", "--model", str(box / "model.safetensors"), "--box", str(box), "--out", str(box / "r.json"))
    assert main([*asked, "--attacks", "sharpened", "key-recovery", *BRIEF, "--state", str(box / "kept")]) == 0
    report = json.loads(capsys.readouterr().out)
    jsonschema.validate(report, json.loads(SCHEMA_PATH.read_text()))
    assert [row["name"] for row in report["attacks"]] == ["sharpened", "key-recovery"]
    assert report["provenance"]["config"]["evaluation"]["attacks"] == ["sharpened", "key-recovery"]
    assert report == json.loads((box / "r.json").read_text())
    assert report["verdicts"]["uniqueness"]["pass"] is None
    assert (box / "kept" / "students.json").is_file()
    assert main([*asked, "--attacks", "sharpened", *BRIEF[:-1], "--state", str(box / "kept")]) == 0
    assert "over the floor" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(("--attacks", "sharpend"), "invalid_settings"), (("--box", "nowhere"), "key_unreadable")],
)
def test_a_refusal_names_code_and_cure(box, known_data, capsys, arguments, code):
    assert main(["attack", "--model", str(box / "model.safetensors"), "--box", str(box), *arguments, *BRIEF]) == 1
    assert json.loads(capsys.readouterr().out)["error"]["code"] == code


def test_a_folder_without_the_record_of_its_wrap_is_refused(box, known_data, capsys):
    (box / "history.json").write_text("{}")
    assert main(["attack", "--model", str(box / "model.safetensors"), "--box", str(box), *BRIEF]) == 1
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "box_unreadable"


def test_an_attack_without_a_box_is_wrong_usage(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["attack", "--attacks", "sharpened"])
    assert ended.value.code == 2
    assert "--box" in capsys.readouterr().err
