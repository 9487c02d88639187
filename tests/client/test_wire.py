from pathlib import Path

import httpx2
import pytest

import sdb_client
from sdb_client import (
    AnswerUnreadable,
    Client,
    Conflict,
    ConnectionFailed,
    Invalid,
    NotAllowed,
    NotFound,
    NotSignedIn,
    ProblemError,
    RateLimited,
    SDBError,
    ServerError,
    TooLarge,
)
from sdb_client.accounts import Accounts, Tokens
from sdb_client.models import Datasets
from sdb_core.settings.data_presets import DATA_PRESETS

from .running import Service
from .weather import MakeLine, wire


def played(*answers: httpx2.Response) -> httpx2.MockTransport:
    """A service that gives these answers in turn, the last one for ever."""
    left = list(answers)
    return httpx2.MockTransport(lambda _request: left.pop(0) if len(left) > 1 else left[0])


def test_lists_are_followed_page_after_page(provider: Client) -> None:
    made = [provider.datasets.create(name=f"set {n}", builtin="builtin:digits").id for n in range(5)]

    found = [row.id for row in provider._wire.pages("/v1/datasets", sdb_client.Dataset, page_size=2)]

    assert found == sorted(made, reverse=True)
    assert [row.id for row in provider.datasets.list()] == found


def test_each_kind_of_refusal_has_its_class(
    service: Service, admin: Client, provider: Client, customer: Client
) -> None:
    with Client(service.url) as stranger, pytest.raises(NotSignedIn) as missing:
        stranger.accounts.me()
    assert missing.value.code == "token_missing"
    with pytest.raises(NotAllowed):
        customer.datasets.create(name="mine", builtin="builtin:digits")
    with pytest.raises(NotFound):
        provider.jobs.get("job_of_nobody")
    with pytest.raises(Conflict):
        admin.accounts.create(admin.accounts.me().name, role="customer")
    with pytest.raises(Invalid) as invalid:
        provider.datasets.create(name="both", upload_id="upl_1", builtin="builtin:digits")
    assert (invalid.value.status, invalid.value.code) == (422, "request_invalid")
    with pytest.raises(TooLarge):
        provider.datasets.create(name="x" * 100_000, builtin="builtin:digits")
    assert invalid.value.request_id is not None
    assert invalid.value.request_id.startswith("req_")


def test_an_id_cannot_lead_to_another_address(provider: Client) -> None:
    with pytest.raises(NotFound):
        provider.jobs.get("../accounts/me")


def test_rate_limits_say_how_long_to_wait() -> None:
    answer = httpx2.Response(429, headers={"Retry-After": "17"}, json={"code": "rate_limited", "detail": "Wait."})
    with Client("http://sdb.test", transport=played(answer)) as client, pytest.raises(RateLimited) as limited:
        client.accounts.me()
    assert limited.value.retry_after == 17


def test_a_short_outage_is_waited_out_as_long_as_the_service_asks() -> None:
    pauses: list[float] = []
    down = httpx2.Response(503, headers={"Retry-After": "2"}, json={"code": "queue_full", "detail": "Full."})
    up = httpx2.Response(200, json={"id": "acc_1", "name": "me", "role": "admin", "created_at": "2026-01-01T00:00:00Z"})

    account = Accounts(wire("http://sdb.test", None, played(down, down, up), pauses=pauses)).me()

    assert (account.name, pauses) == ("me", [2.0, 2.0])


def test_an_error_page_of_a_proxy_is_a_server_error() -> None:
    broken = httpx2.Response(500, text="<html>oops</html>")
    with Client("http://sdb.test", transport=played(broken)) as client, pytest.raises(ServerError) as error:
        client.accounts.me()
    assert (error.value.code, error.value.status) == ("http_500", 500)


def test_a_redirect_is_not_followed_with_the_token() -> None:
    moved = httpx2.Response(302, headers={"Location": "http://elsewhere.test/"})
    with Client("http://sdb.test", token="sdb_x", transport=played(moved)) as client, pytest.raises(ProblemError):
        client.accounts.me()


@pytest.mark.parametrize("body", ["<html>", "[]", '{"id": 1}'])
def test_an_answer_of_something_else_says_to_check_the_address(body: str) -> None:
    with (
        Client("http://sdb.test", transport=played(httpx2.Response(200, text=body))) as client,
        pytest.raises(AnswerUnreadable, match="check that the address"),
    ):
        client.accounts.me()


def test_fields_of_a_newer_service_are_passed_over() -> None:
    answer = {"id": "acc_1", "name": "me", "role": "auditor", "created_at": "2030-01-01T00:00:00Z", "mood": {"a": [1]}}
    with Client("http://sdb.test", transport=played(httpx2.Response(200, json=answer))) as client:
        assert client.accounts.me().role == "auditor"


def test_creating_is_repeated_under_one_key_and_happens_once(service: Service, bad_line: MakeLine) -> None:
    token = service.token_of("a provider whose answer is lost", role="provider")
    line = bad_line(lambda _, before: "unanswered" if before == 0 else "pass")

    made = Datasets(wire(service.url, token, line)).create(name="digits", builtin="builtin:digits")

    keys = {request.headers["Idempotency-Key"] for request in line.seen}
    assert (len(line.seen), len(keys)) == (2, 1)
    with Client(service.url, token=token) as client:
        assert [row.id for row in client.datasets.list()] == [made.id]
        another = client.datasets.create(name="digits", builtin="builtin:digits")
        assert another.id != made.id


def test_issuing_a_token_is_never_repeated(service: Service, bad_line: MakeLine) -> None:
    token = service.token_of("an impatient provider", role="provider")
    line = bad_line(lambda *_: "unanswered")

    with pytest.raises(ConnectionFailed):
        Tokens(wire(service.url, token, line)).issue("second")

    assert len(line.seen) == 1


def test_a_service_that_is_not_there_is_told_by_its_address(tmp_path: Path, bad_line: MakeLine) -> None:
    line = bad_line(lambda *_: "lost")
    pauses: list[float] = []

    with pytest.raises(ConnectionFailed, match=r"http://127\.0\.0\.1:9") as failed:
        Accounts(wire("http://127.0.0.1:9", None, line, pauses=pauses)).me()

    assert failed.value.code == "connection_failed"
    assert (len(line.seen), pauses) == (4, [0.2, 0.4, 0.8])


@pytest.mark.parametrize("url", ["localhost:8000", "", "http://", "ftp://sdb.test", "http://sdb.test:port"])
def test_what_is_no_address_is_refused_at_once(url: str) -> None:
    with pytest.raises(SDBError) as refused:
        Client(url)
    assert refused.value.code == "address_invalid"


def test_a_token_that_cannot_be_one_is_refused_without_being_repeated() -> None:
    with pytest.raises(SDBError) as refused:
        Client("http://sdb.test", token="sdb_sécret\n")
    assert refused.value.code == "token_invalid"
    assert "cret" not in str(refused.value)


def test_accounts_tokens_and_login_links_go_round(admin: Client, service: Service) -> None:
    account = admin.accounts.create("a new provider", role="provider")
    fresh = admin.tokens.issue("laptop", account_id=account.id)

    with Client(service.url, token=fresh.token) as client:
        assert client.accounts.me().id == account.id
        assert client.login_link().url.startswith("http")
        assert [token.name for token in client.tokens.list()] == ["laptop"]
        admin.tokens.revoke(fresh.id)
        with pytest.raises(NotSignedIn):
            client.accounts.me()
    assert next(event.action for event in admin.audit.list()) == "token.revoke"


def test_secrets_are_not_in_any_repr(admin: Client) -> None:
    fresh = admin.tokens.issue("laptop")
    link = admin.login_link()

    assert fresh.token
    assert fresh.token not in repr(fresh)
    assert link.url not in repr(link)
    assert "sdb_" not in repr(admin)


@pytest.mark.parametrize("name", sorted(DATA_PRESETS))
def test_the_input_of_a_data_set_is_scaled_as_its_preset_has_it(name: str) -> None:
    found = sdb_client.InputSpec.of_data(name)
    assert (found.mean, found.std) == (DATA_PRESETS[name].mean, DATA_PRESETS[name].std)
    assert found.channels == len(found.mean)
    sides = {"tiny-imagenet": 64, "digits": 8}
    assert found.height == found.width == sides.get(name, 32)


def test_an_input_of_no_data_set_is_refused_with_those_that_are() -> None:
    with pytest.raises(SDBError, match="known are cifar10, cifar100, digits, tiny-imagenet") as refused:
        sdb_client.InputSpec.of_data("cifar")
    assert refused.value.code == "input_unknown"


def test_every_public_name_can_be_imported() -> None:
    assert {name: getattr(sdb_client, name).__name__ for name in dir(sdb_client)} == {n: n for n in dir(sdb_client)}
    with pytest.raises(AttributeError):
        sdb_client.Nothing  # noqa: B018
