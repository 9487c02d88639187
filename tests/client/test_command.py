import importlib.util
import json
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from sdb_client import Box, Client, InputSpec
from sdb_client.cli import app
from sdb_client.jobs import Job
from tests.browser.rows import add_alarm

from . import standing_in
from .conftest import Sdb
from .running import Service
from .standing_in import JOBS

NET = ("--architecture", "sdb:cnn-mini", "--classes", "10", "--input", "1x8x8", "--mean", "0.5", "--std", "0.25")


def test_help_loads_nothing_that_is_slow() -> None:
    slow = ("torch", "numpy", "rich", "httpx2", "safetensors", "sdb_service", "api")
    program = f"""
import sys
from sdb_client.cli import main
for arguments in (["--help"], ["wrap", "--help"], ["jobs", "--help"], ["jobs", "list", "--help"]):
    sys.argv = ["sdb", *arguments]
    try:
        main()
    except SystemExit as end:
        assert end.code == 0
print("LOADED", [name for name in {slow!r} if name in sys.modules])
"""
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)
    assert told.stdout.splitlines()[-1] == "LOADED []"


def test_every_command_of_the_contract_is_there_and_says_what_it_does() -> None:
    groups = {group.name for group in app.registered_groups}
    commands = {command.name for command in app.registered_commands}
    assert commands == {"serve", "worker", "wrap", "predict", "distill", "report", "attack", "usage"}
    assert groups == {"jobs", "boxes", "licenses", "key", "webhooks", "audit", "admin"}
    for typer_app in (app, *(group.typer_instance for group in app.registered_groups)):
        assert typer_app is not None
        for command in typer_app.registered_commands:
            assert command.callback is not None
            assert command.callback.__doc__, command.name


def test_lists_are_tables_for_people_and_json_for_programs(sdb: Sdb, box: Box) -> None:
    table, plain = sdb("boxes", "list"), sdb("boxes", "list", "--json")

    assert table.returncode == plain.returncode == 0
    assert table.stdout.splitlines()[0].split()[:3] == ["id", "name", "policy"]
    assert box.id in table.stdout
    assert [row["id"] for row in json.loads(plain.stdout)] == [box.id]
    assert plain.stderr == ""


def test_alarms_of_a_box_are_listed(sdb: Sdb, box: Box, service: Service, provider: Client) -> None:
    assert sdb("boxes", "alarms", box.id, "--json").stdout == "[]\n"
    with service.runtime.database.transaction() as session:
        add_alarm(session, box.id)

    (alarm,) = provider.boxes.alarms(box.id)
    table, plain = sdb("boxes", "alarms", box.id), json.loads(sdb("boxes", "alarms", box.id, "--json").stdout)

    assert (alarm.kind, alarm.value, alarm.threshold, alarm.caller_id) == ("near_duplicates", 0.46, 0.2, None)
    assert (alarm.numbers.queries, alarm.numbers.seen_share, alarm.numbers.normality) == (2400, 0.25, 0.71)
    assert "203.0.113.0/24" in table.stdout
    assert [row["id"] for row in plain] == [alarm.id]


def test_a_refusal_is_one_sentence_with_code_and_request_id(sdb: Sdb) -> None:
    told = sdb("jobs", "get", "job_of_nobody", "--json")

    assert told.returncode == 1
    assert len(told.stderr.splitlines()) == 1
    assert told.stderr.startswith("sdb: There is no job")
    error = json.loads(told.stdout)["error"]
    assert error["code"] == "job_not_found"
    assert error["request_id"] in told.stderr


def test_a_service_that_is_not_there_is_one_sentence_too(sdb: Sdb) -> None:
    told = sdb("jobs", "list", "--url", "http://127.0.0.1:9", token="")

    assert (told.returncode, told.stdout) == (1, "")
    assert "Traceback" not in told.stderr
    assert "http://127.0.0.1:9" in told.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["fly"],
        ["jobs", "get"],
        ["boxes", "publish", "box_1", "--outputs", "secrets"],
        ["licenses", "grant", "box_1", "acc_1", "--mode", "lent"],
        ["wrap", "no-such-file"],
        ["wrap", __file__, "--dataset", "no-such.zip", *NET, "--evaluate", "some"],
        ["wrap", __file__, "--dataset", "no-such.zip", *NET[:4], "--input", "cifar"],
        ["wrap", __file__, "--dataset", "no-such.zip", *NET[:4], "--input", "cifar10", "--mean", "0,0,0"],
        ["wrap", __file__, "--dataset", "no-such.zip", *NET[:4], "--input", "3x32x32"],
    ],
)
def test_a_command_written_wrongly_exits_with_2(sdb: Sdb, arguments: list[str]) -> None:
    told = sdb(*arguments)

    assert (told.returncode, told.stdout) == (2, "")
    assert "Traceback" not in told.stderr


def test_watching_a_failed_job_exits_with_3(sdb: Sdb, job: Job, service: Service) -> None:
    standing_in.reject(service.runtime, JOBS, job.id, code="out_of_memory", detail="Give it more memory.")

    told = sdb("jobs", "watch", job.id, "--json")

    assert told.returncode == 3
    assert json.loads(told.stdout)["error"]["code"] == "out_of_memory"


def test_wrap_prints_the_box_and_keeps_progress_off_stdout(
    sdb: Sdb, provider: Client, service: Service, checkpoint: Path
) -> None:
    running = threading.Thread(target=_work_once, args=(provider, service))
    running.start()

    settings = ("--set", "epochs=3", "--seeds", "2", "--precision", "int8")
    told = sdb("wrap", checkpoint, "--dataset", "builtin:digits", *NET, *settings, "--json")

    running.join()
    assert told.returncode == 0, told.stderr
    made = json.loads(told.stdout)
    assert made["input"]["mean"] == [0.5]
    job = provider.jobs.get(made["job_id"])
    assert (job.config, job.precision) == ({"epochs": 3}, "int8")
    assert {name: value for name, value in job.evaluate.items() if value} == {"seeds": 2}
    assert "Sending the model ..." in told.stderr
    assert f"sdb report {made['job_id']}" in told.stderr


def test_wrap_takes_the_input_of_a_data_set_by_its_name(
    sdb: Sdb, provider: Client, service: Service, checkpoint: Path
) -> None:
    running = threading.Thread(target=_work_once, args=(provider, service))
    running.start()

    told = sdb("wrap", checkpoint, "--dataset", "builtin:digits", *NET[:4], "--input", "digits", "--json")

    running.join()
    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout)["input"] == asdict(InputSpec.of_data("digits")) | {"mean": [0.305], "std": [0.3757]}


def test_a_customer_fetches_a_key_blends_it_in_and_asks_the_box(
    sdb: Sdb, box: Box, customer: Client, tmp_path: Path
) -> None:
    granted = json.loads(sdb("licenses", "grant", box.id, customer.accounts.me().id, "--json").stdout)
    theirs = customer.tokens.issue("command").token
    np.save(tmp_path / "pixels.npy", np.full((2, 8, 8, 1), 7, np.uint8))

    fetched = sdb("key", "fetch", granted["id"], "-o", "box.key", token=theirs)
    shown = sdb("key", "show", "box.key", "--json")
    embedded = sdb("key", "embed", "box.key", "pixels.npy", "-o", "blended.npy")
    asked = sdb("predict", box.id, "blended.npy", "--json", token=theirs)

    assert [told.returncode for told in (fetched, shown, embedded, asked)] == [0, 0, 0, 0], embedded.stderr
    assert (tmp_path / "box.key").stat().st_mode & 0o777 == 0o600
    assert json.loads(shown.stdout)["box_id"] == box.id
    assert "kappa" not in shown.stdout
    assert len(json.loads(asked.stdout)["labels"]) == 2


def test_the_report_is_a_table_of_evidence(sdb: Sdb, job: Job, provider: Client, service: Service) -> None:
    value = {"mean": 98.25, "std": 0.5, "seeds": 3}
    attack = {"name": "temperature 4", "accuracy": value, "floor": value, "leak": 0.125}
    verdict = {"pass": False, "value": 1.0, "limit": 2.0, "why": "It lost too much."}
    report = {
        "schema": "sdb-report/1",
        "accuracy": {"original": value, "closed": value, "open": value},
        "students": {"scratch": value},
        "attacks": [attack],
        "verdicts": {"fidelity": verdict},
        "serving": {"accuracy": {"int8": {"closed": {**value, "mean": 97.5}}}},
    }
    standing_in.finish(service.runtime, standing_in.take(service.runtime, JOBS, job.id), report=report)

    told = sdb("report", job.id)

    assert told.returncode == 0, told.stderr
    for words in (
        "box: open",
        "98.2 ± 0.5",
        "temperature 4",
        "+0.0 ± 0.4",
        "0.12",
        "FAIL",
        "It lost too much.",
        "served: closed, int8",
        "97.5",
    ):
        assert words in told.stdout
    assert json.loads(sdb("report", job.id, "--json").stdout) == report


def test_serving_without_the_service_installed_says_so(sdb: Sdb, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)

    told = sdb("serve")

    assert (told.returncode, told.stdout) == (1, "")
    assert "not installed" in told.stderr


def _work_once(provider: Client, service: Service) -> None:
    """The worker, for one wrap."""
    model = _first(provider.models.list)
    dataset = _first(provider.datasets.list)
    standing_in.accept(service.runtime, model_id=model.id, dataset_id=dataset.id)
    standing_in.finish(service.runtime, standing_in.take(service.runtime, JOBS, _first(provider.jobs.list).id))


def _first(rows: Callable[[], object]) -> object:
    tick = threading.Event()
    for _ in range(300):
        if (found := next(iter(rows()), None)) is not None:
            return found
        tick.wait(0.1)
    raise AssertionError("nothing came")
