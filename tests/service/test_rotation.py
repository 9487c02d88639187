"""A rotation ends with every key under the new key-encryption key, whatever happens on the way."""

import os
import random
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

import migrations
from sdb_service import rotation
from sdb_service.admin import main
from sdb_service.errors import Conflict
from sdb_service.runtime import Runtime, open_runtime
from sdb_service.sealing import LocalSealer, derive, unseal
from sdb_service.sealing.key_ring import FIRST_KEY, read_public, read_ring
from sdb_service.tables import AuditEvent, SealedKey
from tests.servers.profiles import Profile
from tests.service.sealed_rows import add_keys, context_of, opens, reading, sealing_with, under
from tests.service.sealing_forms import kms_server, sealed_first

pytestmark = pytest.mark.trust

MANY = 10_000
KILLS = 5


def quiet(_done: int, _total: int) -> None:
    return None


@pytest.fixture
def runtime(any_profile: Profile) -> Iterator[Runtime]:
    migrations.upgrade(any_profile.settings)
    opened = open_runtime(any_profile.settings)
    yield opened
    opened.database.close()


def first_deployment(profile: Profile, count: int) -> list[str]:
    """A database and a key file as the first version of the service left them; the ids of the keys."""
    migrations.upgrade(profile.settings)
    key, path = secrets.token_bytes(32), profile.settings.kek_file
    path.parent.mkdir(parents=True)
    path.write_bytes(key)
    path.chmod(0o600)
    runtime = open_runtime(profile.settings)
    ids = add_keys(runtime.database, count, lambda value, context: sealed_first(key, value, context))
    runtime.database.close()
    return ids


def rotate_and_kill(profile: Profile, *, after: int) -> None:
    """Start a rotation as the operator does, and kill -9 it once it has told of its progress `after` times."""
    command = [sys.executable, "-m", "sdb_service.admin", "rotate-kek"]
    with subprocess.Popen(command, env=os.environ | profile.env, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for _ in range(after):
            assert "sealed keys" in process.stderr.readline()
        process.kill()
    assert process.returncode == -9


def test_ten_thousand_keys_are_taken_over_under_readers_though_the_rotation_is_killed_five_times(
    embedded_profile: Profile,
) -> None:
    key_ids = first_deployment(embedded_profile, MANY // 2)
    runtime = open_runtime(embedded_profile.settings)  # as an API process that knows nothing of the rotation
    worker = LocalSealer(embedded_profile.settings.effective_kek_public_file)
    key_ids += add_keys(runtime.database, MANY // 2, sealing_with(worker))
    assert runtime.keys.local is not None
    runtime.keys.local.end_rotation()  # both kinds of old keys are in use, and none is on its way out
    old_ids = set(read_ring(embedded_profile.settings.kek_file).keys)
    chance = random.Random()
    with reading(runtime, key_ids) as readers:
        for _ in range(KILLS):
            rotate_and_kill(embedded_profile, after=chance.randint(1, 8))
            key_ids_meanwhile = add_keys(runtime.database, 3, sealing_with(worker))
            assert all(opens(runtime, key_id) for key_id in key_ids_meanwhile)
        command = [sys.executable, "-m", "sdb_service.admin", "rotate-kek"]
        subprocess.run(command, env=os.environ | embedded_profile.env, check=True, capture_output=True)

    ring = read_ring(embedded_profile.settings.kek_file)
    assert ring.current is not None
    assert under(runtime.database, ring.current.id) == MANY + 3 * KILLS
    assert readers.failures == []
    assert readers.reads > 1000
    assert len(set(ring.keys) - old_ids) == 1  # a killed rotation is gone on with, not begun again
    assert not ring.rotating
    runtime.database.close()


def test_a_rotation_takes_over_every_key_and_changes_no_value_nor_what_is_derived(runtime: Runtime) -> None:
    add_keys(runtime.database, 120, sealing_with(runtime.keys))
    with runtime.database.reading() as session:
        before = session.execute(select(SealedKey)).scalars().all()
    old = read_ring(runtime.settings.kek_file).current
    seen: list[tuple[int, int]] = []
    done = rotation.rotate(runtime, progress=lambda *said: seen.append(said), batch=50)
    with runtime.database.reading() as session:
        after = {row.id: row for row in session.execute(select(SealedKey)).scalars()}
        acts = [event.action for event in session.execute(select(AuditEvent)).scalars()]

    assert old is not None
    assert (done.rewrapped, done.total, done.unneeded) == (120, 120, [old.id])
    assert (under(runtime.database, done.kek_id), under(runtime.database, old.id)) == (120, 0)
    assert seen == [(0, 120), (50, 120), (100, 120), (120, 120)]
    for row in before:
        renewed = after[row.id]
        assert renewed.sealed != row.sealed
        assert renewed.sealed[-284:] == row.sealed[-284:]
        assert unseal(renewed.sealed, context=context_of(row), keys=runtime.keys) == unseal(
            row.sealed, context=context_of(row), keys=runtime.keys
        )
        assert derive(renewed.sealed, context=context_of(row), label="t", keys=runtime.keys) == derive(
            row.sealed, context=context_of(row), label="t", keys=runtime.keys
        )
    assert acts == ["kek.rotation_begin", "kek.rotation_end"]


def test_a_value_sealed_anew_while_it_is_taken_over_is_left_alone(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    [key_id] = add_keys(runtime.database, 1, sealing_with(runtime.keys))
    renewed, calls = rotation._renewed, []

    def beaten(*arguments: object) -> object:
        change = renewed(*arguments)  # type: ignore[arg-type]
        if not calls:
            with runtime.database.transaction() as session:
                row = session.get_one(SealedKey, key_id)
                row.sealed = sealing_with(runtime.keys)(
                    unseal(row.sealed, context=context_of(row), keys=runtime.keys), context_of(row)
                )
                calls.append(row.sealed)
        return change

    monkeypatch.setattr(rotation, "_renewed", beaten)
    rotation.rotate(runtime, progress=quiet)
    with runtime.database.reading() as session:
        assert session.get_one(SealedKey, key_id).sealed[-284:] == calls[0][-284:]


def test_a_deployment_of_the_first_version_starts_and_is_taken_over(embedded_profile: Profile) -> None:
    key_ids = first_deployment(embedded_profile, 5)
    runtime = open_runtime(embedded_profile.settings)
    ring = read_ring(embedded_profile.settings.kek_file)
    assert all(opens(runtime, key_id) for key_id in key_ids)
    assert set(ring.keys) > {FIRST_KEY}

    done = rotation.rotate(runtime, progress=quiet)
    assert ring.current is not None
    assert (done.kek_id, done.unneeded) == (ring.current.id, [FIRST_KEY])
    assert all(opens(runtime, key_id) for key_id in key_ids)
    runtime.database.close()


def test_a_first_key_file_that_cannot_be_replaced_still_opens(
    embedded_profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    key_ids = first_deployment(embedded_profile, 2)
    path = embedded_profile.settings.kek_file
    first = next(key for key in read_ring(path).keys.values() if key.id == FIRST_KEY)
    path.write_bytes(first.private.reveal())

    def read_only(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("sdb_service.sealing.local.write_ring", read_only)
    runtime = open_runtime(embedded_profile.settings)
    assert all(opens(runtime, key_id) for key_id in key_ids)
    runtime.database.close()


def test_killed_between_private_and_public_key_it_is_gone_on_with(runtime: Runtime) -> None:
    settings = runtime.settings
    old_public = settings.effective_kek_public_file.read_bytes()
    assert runtime.keys.local is not None
    begun = runtime.keys.local.begin_rotation()
    settings.effective_kek_public_file.write_bytes(old_public)

    assert rotation.rotate(runtime, progress=quiet).kek_id == begun
    assert read_public(settings.effective_kek_public_file).id == begun


def test_old_keys_go_only_once_nothing_needs_them(runtime: Runtime) -> None:
    [key_id] = add_keys(runtime.database, 1, sealing_with(runtime.keys))
    assert runtime.keys.local is not None
    runtime.keys.local.begin_rotation()
    with pytest.raises(Conflict, match="rotate-kek"):
        rotation.forget_old_keys(runtime)
    target = rotation.rotate(runtime, progress=quiet).kek_id
    assert rotation.forget_old_keys(runtime) == target
    assert set(read_ring(runtime.settings.kek_file).keys) == {target}
    assert opens(runtime, key_id)


def test_keys_move_from_files_to_a_key_service(embedded_profile: Profile) -> None:
    key_ids = first_deployment(embedded_profile, 4)
    with kms_server() as (url, make_key):
        moved = {"kek_provider": "aws-kms", "kek_key": make_key(), "kms_endpoint_url": url}
        runtime = open_runtime(embedded_profile.settings.model_copy(update=moved))
        done = rotation.rotate(runtime, progress=quiet)
        assert done.kek_id == f"aws-kms:{moved['kek_key']}"
        assert under(runtime.database, done.kek_id) == 4
        assert all(opens(runtime, key_id) for key_id in key_ids)
        with pytest.raises(Conflict, match="key service"):
            rotation.forget_old_keys(runtime)
        runtime.database.close()


def test_the_operator_sees_progress_on_stderr_and_the_new_key_alone_on_stdout(
    embedded_profile: Profile, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first_deployment(embedded_profile, 3)
    for name, value in embedded_profile.env.items():
        monkeypatch.setenv(name, value)
    assert main(["rotate-kek"]) == 0
    said = capsys.readouterr()

    ring = read_ring(Path(embedded_profile.env["SDB_KEK_FILE"]))
    assert ring.current is not None
    assert said.out == f"{ring.current.id}\n"
    assert "3 of 3 sealed keys" in said.err
    assert "--forget-old" in said.err
    assert main(["rotate-kek", "--forget-old"]) == 0
    assert len(read_ring(Path(embedded_profile.env["SDB_KEK_FILE"])).keys) == 1
