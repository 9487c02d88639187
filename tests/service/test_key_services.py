"""Key services: what a role without the right to open can do, what is said while one is away, what is not believed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sdb_service.errors import KeyServiceUnavailable, SealBroken
from sdb_service.sealing import (
    LocalKeyEncryption,
    LocalSealer,
    RotatingKeys,
    Wrapped,
    derive,
    head_of,
    kek_id_of,
    open_keys,
    open_sealer,
    rewrap,
    seal,
    unseal,
)
from sdb_service.sealing.aws_kms import KmsKeyEncryption
from sdb_service.sealing.vault import VaultKeyEncryption
from sdb_service.secret import Secret
from sdb_service.settings import Settings
from tests.servers.processes import free_port
from tests.servers.s3 import REGION
from tests.servers.vault import VaultServer, vault_server
from tests.service.sealing_forms import FORMS, Form, kms_server, opened_form, vault_keys

pytestmark = pytest.mark.trust

KAPPA = Secret(b"kappa in the clear")
CONTEXT = "acc|box|key|1"


@pytest.fixture
def vault() -> Iterator[VaultServer]:
    with vault_server() as server:
        server.make_key("sdb")
        yield server


@pytest.fixture(scope="module")
def kms() -> Iterator[tuple[str, str, str]]:
    """An address and two keys."""
    with kms_server() as (url, make_key):
        yield url, make_key(), make_key()


@pytest.fixture(scope="module", params=FORMS)
def form(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Form]:
    with opened_form(request.param, tmp_path_factory.mktemp(request.param)) as opened:
        yield opened


def test_a_value_of_any_form_is_taken_over_by_another_provider_and_keeps_what_is_derived(
    form: Form, tmp_path: Path
) -> None:
    sealed = form.seal(KAPPA, CONTEXT)
    before = derive(sealed, context=CONTEXT, label="a", keys=form.keys)
    local = LocalKeyEncryption(tmp_path / "new")
    provider = kek_id_of(sealed).partition(":")[0]
    moved = rewrap(sealed, context=CONTEXT, keys=_both(local, form, provider))

    assert kek_id_of(moved) != kek_id_of(sealed)
    assert moved.startswith(head_of(kek_id_of(moved)))
    assert moved[-46:] == sealed[-46:]  # the value itself is not sealed anew
    assert unseal(moved, context=CONTEXT, keys=local) == KAPPA
    assert derive(moved, context=CONTEXT, label="a", keys=local) == before


def _both(local: LocalKeyEncryption, form: Form, provider: str) -> RotatingKeys:
    class Either:
        def wrap(self, data_key: Secret, context: str) -> Wrapped:
            return local.wrap(data_key, context)

        def unwrap(self, wrapped: Wrapped, context: str) -> Secret:
            try:
                return local.unwrap(wrapped, context)
            except SealBroken:
                return form.keys.unwrap(wrapped, context)

    either = Either()
    return RotatingKeys(either, {"local": either, provider: either})


def test_a_vault_token_that_may_only_encrypt_seals_and_does_not_open(vault: VaultServer, tmp_path: Path) -> None:
    worker = vault_keys(vault, tmp_path, acts={"encrypt"})
    sealed = seal(KAPPA, context=CONTEXT, keys=worker)

    with pytest.raises(KeyServiceUnavailable, match="403"):
        unseal(sealed, context=CONTEXT, keys=worker)
    api = vault_keys(vault, tmp_path, acts={"decrypt"})
    assert unseal(sealed, context=CONTEXT, keys=api) == KAPPA


def test_what_a_worker_is_given_has_no_way_to_open(
    vault: VaultServer, kms: tuple[str, str, str], tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("t")
    base = {"data_dir": tmp_path / "data", "kek_file": tmp_path / "keys" / "kek"}
    service = {"vault_url": vault.url, "vault_token_file": tmp_path / "token", "kms_endpoint_url": kms[0]}
    for provider, key in (("local", ""), ("aws-kms", kms[1]), ("vault", "sdb")):
        settings = Settings.model_validate({**base, **service, "kek_provider": provider, "kek_key": key})
        assert hasattr(open_keys(settings), "unwrap")
        assert not hasattr(open_sealer(settings), "unwrap"), provider


def test_a_vault_that_is_sealed_away_or_refuses_is_no_broken_seal(vault: VaultServer, tmp_path: Path) -> None:
    keys = vault_keys(vault, tmp_path, acts={"encrypt", "decrypt"})
    sealed = seal(KAPPA, context=CONTEXT, keys=keys)
    vault.is_sealed = True
    away = VaultKeyEncryption("sdb", url=f"http://127.0.0.1:{free_port()}", token_file=next(tmp_path.glob("token-*")))
    no_token = VaultKeyEncryption("sdb", url=vault.url, token_file=tmp_path / "missing")
    for unable in (keys, away, no_token):
        with pytest.raises(KeyServiceUnavailable, match="Nothing is lost"):
            unseal(sealed, context=CONTEXT, keys=unable)
        with pytest.raises(KeyServiceUnavailable, match="Nothing is lost"):
            seal(KAPPA, context=CONTEXT, keys=unable)
    vault.is_sealed = False
    assert unseal(sealed, context=CONTEXT, keys=keys) == KAPPA


def test_a_kms_that_is_away_is_no_broken_seal(kms: tuple[str, str, str]) -> None:
    url, key, _ = kms
    sealed = seal(KAPPA, context=CONTEXT, keys=KmsKeyEncryption(key, region=REGION, endpoint_url=url))
    away = KmsKeyEncryption(key, region=REGION, endpoint_url=f"http://127.0.0.1:{free_port()}")
    with pytest.raises(KeyServiceUnavailable, match="EndpointConnectionError"):
        unseal(sealed, context=CONTEXT, keys=away)
    with pytest.raises(KeyServiceUnavailable, match="EndpointConnectionError"):
        seal(KAPPA, context=CONTEXT, keys=away)


def test_a_kms_key_made_later_is_opened_without_a_restart_and_one_of_another_account_is_not_asked_for(
    kms: tuple[str, str, str],
) -> None:
    url, old, new = kms
    running = KmsKeyEncryption(old, region=REGION, endpoint_url=url)
    renewed = KmsKeyEncryption(new, region=REGION, endpoint_url=url)
    wrapped = renewed.wrap(KAPPA, CONTEXT)

    assert running.unwrap(wrapped, CONTEXT) == KAPPA
    account = new.split(":")[4]
    foreign = wrapped._replace(kek_id=wrapped.kek_id.replace(account, "999999999999"))
    nowhere = KmsKeyEncryption(old, region=REGION, endpoint_url=f"http://127.0.0.1:{free_port()}")
    with pytest.raises(SealBroken):
        nowhere.unwrap(foreign, CONTEXT)  # it would say that nobody is there, had it asked


@pytest.mark.parametrize(
    "kek_id", ["vault:transit/../sys/seal", "vault:other/sdb", "vault:sdb", "aws-kms:sdb", "vault:transit/"]
)
def test_a_value_cannot_send_us_to_another_place_of_vault(vault: VaultServer, tmp_path: Path, kek_id: str) -> None:
    keys = vault_keys(vault, tmp_path, acts={"encrypt", "decrypt"})
    wrapped = keys.wrap(KAPPA, CONTEXT)
    vault.is_sealed = True  # any question would be answered with 503
    with pytest.raises(SealBroken):
        keys.unwrap(wrapped._replace(kek_id=kek_id), CONTEXT)


def test_a_ciphertext_that_vault_reads_loosely_is_refused_all_the_same(vault: VaultServer, tmp_path: Path) -> None:
    keys = vault_keys(vault, tmp_path, acts={"encrypt", "decrypt"})
    wrapped, sealed = keys.wrap(KAPPA, CONTEXT), seal(KAPPA, context=CONTEXT, keys=keys)
    loose = wrapped._replace(content=wrapped.content.replace(b"vault:v1:", b"vault:v0:"))

    assert keys.unwrap(loose, CONTEXT) == KAPPA  # Vault takes version 0 for 1
    with pytest.raises(SealBroken):
        unseal(sealed.replace(b"vault:v1:", b"vault:v0:"), context=CONTEXT, keys=keys)


def test_a_running_sealer_takes_the_new_public_key_and_a_running_opener_the_new_private_one(tmp_path: Path) -> None:
    running, operator = (LocalKeyEncryption(tmp_path / "kek") for _ in range(2))
    worker = LocalSealer(tmp_path / "kek.pub")
    old = seal(KAPPA, context=CONTEXT, keys=worker)
    operator.begin_rotation()
    new = seal(KAPPA, context=CONTEXT, keys=worker)

    assert kek_id_of(new) != kek_id_of(old)
    for sealed in (old, new):
        assert unseal(sealed, context=CONTEXT, keys=running) == KAPPA


def test_a_public_file_that_others_can_change_seals_nothing(tmp_path: Path) -> None:
    LocalKeyEncryption(tmp_path / "kek")
    (tmp_path / "kek.pub").chmod(0o666)
    with pytest.raises(PermissionError, match="chmod 644"):
        LocalSealer(tmp_path / "kek.pub").wrap(KAPPA, CONTEXT)


def test_without_a_public_file_nothing_is_sealed_and_the_cure_is_named(tmp_path: Path) -> None:
    with pytest.raises(KeyServiceUnavailable, match="sdb admin migrate"):
        LocalSealer(tmp_path / "kek.pub").wrap(KAPPA, CONTEXT)
