"""Dockerfile, .dockerignore and docker-compose.yml fit the code and each other, and hold no secret."""

import re

import pytest

from sdb_service.settings import Settings
from tests.deploy.description import OURS, ROOT, SECRETS, compose, copied, exec_form, services, stages, volumes_of

ours = pytest.mark.parametrize("name", OURS)
every_service = pytest.mark.parametrize("name", services())


def test_both_targets_are_there_and_every_stage_stands_on_one_before_it() -> None:
    found = stages()
    assert {"api", "worker"} <= set(found)
    assert {stage.base for stage in found.values()} == {"base", "python:3.11-slim-bookworm"}


@pytest.mark.parametrize("target", ["api", "worker"])
def test_an_image_runs_as_a_user_with_a_health_check_and_a_command_that_hears_signals(target: str) -> None:
    stage = stages()[target]
    assert stage.last("USER") == "sdb"
    assert "CMD" in stage.last("HEALTHCHECK")
    assert exec_form(stage.last("CMD"))
    kinds = [name for name, _ in stage.instructions]
    assert "RUN" not in kinds[kinds.index("USER") :], "nothing is installed by the unprivileged user"


def test_everything_that_is_copied_exists_and_is_let_in() -> None:
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    sources = [source for stage in stages().values() for source in copied(stage)]
    assert sources
    assert [source for source in sources if not (ROOT / source).exists()] == []
    assert [source for source in sources if source.partition("/")[0] not in let_in] == []


def test_only_the_worker_carries_the_method_and_only_the_api_the_web_face() -> None:
    found = stages()
    assert "sdb_core" not in copied(found["api"])
    assert "worker" not in copied(found["api"])
    assert "api" not in copied(found["worker"])


def test_packages_are_installed_by_hash_and_never_compiled() -> None:
    for name in ("api-packages", "worker-packages"):
        installing = stages()[name].last("RUN")
        assert "--require-hashes" in installing
        assert "--only-binary :all:" in installing


@ours
def test_every_sdb_variable_of_a_service_is_a_setting(name: str) -> None:
    variables = [variable for variable in services()[name]["environment"] if variable.startswith("SDB_")]
    assert variables
    assert [v for v in variables if v.removeprefix("SDB_").lower() not in Settings.model_fields] == []


def test_every_sdb_variable_of_the_dockerfile_is_a_setting() -> None:
    variables = re.findall(r"\bSDB_\w+(?==)", (ROOT / "Dockerfile").read_text())
    assert variables
    assert [v for v in variables if v.removeprefix("SDB_").lower() not in Settings.model_fields] == []


@every_service
def test_every_service_is_walled_in(name: str) -> None:
    service = services()[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]


@every_service
def test_no_service_listens_to_the_network_of_the_machine(name: str) -> None:
    assert [port for port in services()[name].get("ports", []) if not port.startswith("127.0.0.1:")] == []


@every_service
def test_who_waits_waits_for_health_or_for_the_end(name: str) -> None:
    conditions = [wanted["condition"] for wanted in services()[name].get("depends_on", {}).values()]
    assert set(conditions) <= {"service_healthy", "service_completed_successfully"}
    for other, wanted in services()[name].get("depends_on", {}).items():
        assert other in services()
        assert wanted["condition"] != "service_healthy" or "healthcheck" in services()[other]


def test_nobody_works_before_the_database_is_migrated() -> None:
    for name in ("api", "worker", "checks", "beat"):
        assert "migrate" in services()[name]["depends_on"]


def test_every_volume_network_and_secret_is_declared() -> None:
    whole = compose()
    for name, service in services().items():
        volumes = {volume.partition(":")[0] for volume in service.get("volumes", [])}
        assert volumes <= set(whole["volumes"]), name
        assert set(service["networks"]) <= set(whole["networks"]), name
        assert set(service.get("secrets", [])) <= set(whole["secrets"]), name


def test_secrets_come_from_files_and_no_file_says_what_they_are() -> None:
    assert set(compose()["secrets"]) == set(SECRETS)
    assert all(list(secret) == ["file"] for secret in compose()["secrets"].values())
    files = [ROOT / "Dockerfile", ROOT / "docker-compose.yml", *(ROOT / "deploy").glob("*.[!l]*")]
    looks_like_one = re.compile(r"(?i)(password|secret|token|key)(_id)?\s*[:=]\s*['\"]?[0-9a-z+/]{12,}\b")
    password_in_address = re.compile(r"://[^/\s:@]+:[^/\s@]+@")
    for file in files:
        assert not looks_like_one.findall(file.read_text()), file
        assert not password_in_address.findall(file.read_text()), file


def test_no_secret_is_handed_over_in_a_variable() -> None:
    for name in OURS:
        variables = set(services()[name]["environment"])
        assert not variables & {"SDB_S3_SECRET_ACCESS_KEY", "SDB_S3_ACCESS_KEY_ID", "PGPASSWORD"}, name


def test_keys_do_not_lie_with_the_data() -> None:
    for name in OURS:
        places = volumes_of(name)
        assert places["/keys"] in {"keys", "worker-keys"}
        assert places.get("/data") in {None, "work"}


@pytest.mark.trust
@pytest.mark.parametrize("name", ["worker", "checks", "beat", "bucket"])
def test_who_must_not_open_keys_mounts_no_private_one(name: str) -> None:
    assert set(volumes_of(name).values()) <= {"worker-keys", "work"}
    assert "worker-keys:/keys:ro" in services()[name]["volumes"]
    environment = services()[name]["environment"]
    assert environment["SDB_KEK_PUBLIC_FILE"] == "/keys/kek.pub"
    assert not {"SDB_KEK_FILE", "SDB_TOKEN_KEY_FILE"} & set(environment)
    assert "SDB_KEK_FILE" not in " ".join(
        text for text in [*stages()["worker"].all("ENV"), *stages()["base"].all("ENV")]
    )


@pytest.mark.trust
def test_private_keys_are_written_by_two_that_end_and_read_by_one_that_serves() -> None:
    mounts = {name: volume for name in OURS for volume in services()[name]["volumes"] if volume.startswith("keys:")}
    assert mounts == {"keys": "keys:/keys", "migrate": "keys:/keys", "api": "keys:/keys:ro"}
    assert {services()[name]["restart"] for name in ("keys", "migrate")} == {"no"}


@pytest.mark.parametrize(("queue", "name"), [("jobs", "worker"), ("checks", "checks")])
def test_each_queue_has_a_worker_of_its_own(queue: str, name: str) -> None:
    command = services()[name]["command"]
    assert command[command.index("--queues") + 1] == queue
