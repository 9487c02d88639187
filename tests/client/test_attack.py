"""`sdb attack`: what it fetches, what it hands to the method, and how it ends."""

import hashlib
import importlib.util
import json
import stat
from pathlib import Path

import pytest

from sdb_client import Box, Client, Key
from sdb_service.tables import Box as BoxRow
from sdb_service.tables import Model as ModelRow

from . import standing_in
from .conftest import Sdb
from .method import REPORT, asked, stand_in
from .running import Service


@pytest.fixture
def method(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a stand-in for the method, found before the real one."""
    folder = stand_in(tmp_path / "elsewhere")
    monkeypatch.setenv("PYTHONPATH", str(folder.parent))
    return folder


@pytest.fixture
def key_file(box: Box, tmp_path: Path) -> Path:
    """The box's key, as a customer would have it."""
    key = Key(standing_in.kappa_of_tests(), standing_in.LAM, (0.5,), (0.25,), box.id)
    return key.save(tmp_path / "box.key")


def test_the_box_and_its_key_are_handed_to_the_method_and_the_report_is_shown(
    sdb: Sdb,
    box: Box,
    key_file: Path,
    checkpoint: Path,
    method: Path,
) -> None:
    told = sdb(
        *("attack", box.id, "--model", checkpoint, "--data", "builtin:digits", "--key", key_file, "--level", "quick"),
        *("--attacks", "label-only,top-1", "--out", "report.json", "--html", "report.html", "--", "--seeds", "4"),
    )

    assert told.returncode == 0, told.stderr
    given = asked(method)["given"]
    options = dict(zip(given[1::2], given[2::2], strict=False))
    assert options["--model"] == str(checkpoint)
    assert (options["--data"], options["--level"]) == ("builtin:digits", "quick")
    assert (options["--architecture"], options["--seed"]) == ("sdb:cnn-mini", "0")
    assert given[given.index("--attacks") :][1:5] == ["label-only", "top-1", "--seeds", "4"]
    assert "label-only" in told.stdout
    assert "+1.0 ± 0.4" in told.stdout
    assert json.loads(Path("report.json").read_text()) == REPORT
    assert Path("report.html").read_text() == "<page>"


def test_the_folder_is_what_wrap_would_have_left_readable_by_its_owner_and_gone_in_the_end(
    sdb: Sdb,
    box: Box,
    key_file: Path,
    checkpoint: Path,
    method: Path,
) -> None:
    told = sdb("attack", box.id, "--model", checkpoint, "--data", "d.npz", "--key", key_file, "--json")

    assert json.loads(told.stdout) == REPORT
    assert asked(method)["modes"] == ["0o700", "0o600"]
    assert (method / "box.safetensors").read_bytes() == b"the weights of the box" * 5000
    assert Key.load(method / "key.safetensors").box_id == box.id
    record = json.loads((method / "history.json").read_text())
    assert record == {"policy": "sdb-hardened", "config": {}, "seed": 0, "history": []}
    given = asked(method)["given"]
    assert "--level" not in given
    assert not Path(given[given.index("--box") + 1]).exists()


def test_settings_and_curves_come_from_the_jobs_report(
    sdb: Sdb,
    provider: Client,
    service: Service,
    checkpoint: Path,
    method: Path,
    tmp_path: Path,
) -> None:
    queued = standing_in.queued_job(provider, service.runtime, checkpoint)
    report = REPORT | {"history": [{"step": 0.0}], "provenance": {"config": {"wrap": {"lam": 0.7}}}}
    standing_in.finish(service.runtime, standing_in.take(service.runtime, standing_in.JOBS, queued.id), report=report)
    box_id = provider.jobs.get(queued.id).box_id or ""
    key = Key(standing_in.kappa_of_tests(), 0.7, (0.5,), (0.25,), box_id).save(tmp_path / "k")

    told = sdb("attack", box_id, "--model", checkpoint, "--data", "builtin:digits", "--key", key)

    assert told.returncode == 0, told.stderr
    record = json.loads((method / "history.json").read_text())
    assert (record["history"], record["config"]) == ([{"step": 0.0}], {"lam": 0.7})


def test_a_license_gives_the_key_to_its_own_account_alone(
    sdb: Sdb, box: Box, provider: Client, customer: Client, checkpoint: Path, method: Path
) -> None:
    granted = provider.licenses.grant(box.id, customer.accounts.me().id)
    theirs = customer.tokens.issue("attack").token
    line = ("attack", box.id, "--model", checkpoint, "--data", "builtin:digits", "--license", granted.id, "--json")

    with_their_token = sdb(*line, "--license-token", theirs)
    without = sdb(*line)

    assert with_their_token.returncode == 0, with_their_token.stderr
    assert Key.load(method / "key.safetensors").box_id == box.id
    assert provider.licenses.get(granted.id).downloads == 1
    assert json.loads(without.stdout)["error"]["code"] == "license_of_another_account"
    assert "--license-token" in without.stderr


@pytest.mark.parametrize(
    ("code", "answer", "error"),
    [
        (
            1,
            '{"error": {"code": "invalid_settings", "message": "There is no attack of that name."}}',
            "invalid_settings",
        ),
        (1, "", "attack_failed"),
        (2, "", "attack_failed"),
    ],
)
def test_a_failure_of_the_method_is_passed_on(
    sdb: Sdb,
    box: Box,
    key_file: Path,
    checkpoint: Path,
    method: Path,
    code: int,
    answer: str,
    error: str,
) -> None:
    (method / "failure.json").write_text(json.dumps([code, answer]))

    told = sdb("attack", box.id, "--model", checkpoint, "--data", "d", "--key", key_file, "--out", "r.json", "--json")

    assert told.returncode == code
    assert json.loads(told.stdout)["error"]["code"] == error
    assert not Path("r.json").exists()


def test_what_belongs_to_another_box_is_refused_before_anything_is_fetched(
    sdb: Sdb,
    box: Box,
    key_file: Path,
    checkpoint: Path,
    method: Path,
    service: Service,
    tmp_path: Path,
) -> None:
    other = Key(standing_in.kappa_of_tests(), 0.7, (0.5,), (0.25,), "box_other").save(tmp_path / "other.key")
    with service.runtime.database.transaction() as session:
        row = session.get_one(ModelRow, box.model_id)
        row.summary = {"sha256": hashlib.sha256(checkpoint.read_bytes()).hexdigest()}
    foreign = tmp_path / "foreign.safetensors"
    foreign.write_bytes(b"another net")
    line = ("attack", box.id, "--data", "builtin:digits", "--json")

    wrong_key = sdb(*line, "--model", checkpoint, "--key", other)
    wrong_model = sdb(*line, "--model", foreign, "--key", key_file)

    assert json.loads(wrong_key.stdout)["error"]["code"] == "key_of_another_box"
    assert json.loads(wrong_model.stdout)["error"]["code"] == "model_of_another_box"
    assert (wrong_key.returncode, wrong_model.returncode) == (1, 1)
    assert not (method / "attack.json").exists()


def test_a_box_that_is_only_published_cannot_be_attacked_from_within(
    sdb: Sdb,
    box: Box,
    key_file: Path,
    checkpoint: Path,
    provider: Client,
    customer: Client,
    method: Path,
) -> None:
    provider.boxes.publish(box.id)
    theirs = customer.tokens.issue("command").token

    told = sdb("attack", box.id, "--model", checkpoint, "--data", "d", "--key", key_file, "--json", token=theirs)

    assert json.loads(told.stdout)["error"]["code"] == "box_not_yours"


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["box_1", "--data", "d"],
        ["box_1", "--model", "net.safetensors", "--data", "d"],
        ["box_1", "--model", "net.safetensors", "--data", "d", "--key", "net.safetensors", "--license", "lic_1"],
        ["box_1", "--level", "total"],
    ],
)
def test_a_command_that_lacks_a_part_exits_with_2(sdb: Sdb, checkpoint: Path, arguments: list[str]) -> None:
    assert sdb("attack", *arguments).returncode == 2


def test_without_pytorch_it_says_what_to_install(sdb: Sdb, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "torch" else object())

    told = sdb("attack", "--list")

    assert (told.returncode, told.stdout) == (1, "")
    assert "pip install" in told.stderr


def test_the_panel_runs_against_a_real_box(
    sdb: Sdb,
    box: Box,
    key_file: Path,
    service: Service,
    tmp_path: Path,
) -> None:
    from sdb_core.checkpoints import save_weights
    from sdb_core.nets import Architecture

    weights = tmp_path / "model.safetensors"
    save_weights(Architecture("sdb:cnn-mini", 10, 1, 8, 8).build(), weights)
    weights.chmod(weights.stat().st_mode | stat.S_IRGRP)
    with service.runtime.database.transaction() as session:
        row = session.get_one(BoxRow, box.id)
        row.checkpoint_sha256 = hashlib.sha256(weights.read_bytes()).hexdigest()
        service.runtime.storage.put_file(row.checkpoint_key, weights)

    told = sdb(
        *("attack", box.id, "--model", weights, "--data", "builtin:digits", "--key", key_file, "--json"),
        *("--attacks", "label-only,temperature-4", "--", "--seeds", "1", "--set", "epochs=1"),
    )

    assert told.returncode == 0, told.stderr
    report = json.loads(told.stdout)
    assert [row["name"] for row in report["attacks"]] == ["temperature-4", "label-only"]
    assert report["provenance"]["model_sha256"] == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert report["provenance"]["config"]["wrap"]["lam"] == 0.7
