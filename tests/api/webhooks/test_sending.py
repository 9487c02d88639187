"""One POST to a webhook: where it goes, how long it may take, and what is kept of the answer."""

import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from standardwebhooks import Webhook as Standard
from standardwebhooks import WebhookVerificationError

from api.webhooks.sending import Outbound
from api.webhooks.signing import fresh_secret, shown, signed_headers
from tests.api.webhooks.receivers import Receiver, certificate, outbound, receiver

pytestmark = pytest.mark.trust


@pytest.fixture
def there() -> Iterator[Receiver]:
    with receiver() as found:
        yield found


def test_the_body_arrives_as_it_was_signed_and_the_beginning_of_the_answer_is_kept(there: Receiver) -> None:
    there.answers = [(200, {}, b"\xff\x00" + b"y" * 5000)]
    answered = outbound(there).post(there.url(path="/hook?a=b"), b'{"a":1}', {"webhook-id": "msg_1"})
    assert (answered.status, answered.error) == (200, None)
    assert answered.answer is not None
    assert len(answered.answer) == 1024
    assert "\x00" not in answered.answer
    (got,) = there.got
    assert (got.path, got.body, got.headers["webhook-id"]) == ("/hook?a=b", b'{"a":1}', "msg_1")
    assert (got.headers["host"], got.headers["content-type"]) == (f"127.0.0.1:{there.port}", "application/json")


def test_an_unmodified_verifier_of_the_specification_takes_our_signature_and_no_other(there: Receiver) -> None:
    secret = fresh_secret()
    text, body = shown(secret).reveal().decode(), '{"type":"license.grant","é":"ü"}'.encode()
    headers = signed_headers(secret, "msg_1", body, timestamp=int(time.time()))
    outbound(there).post(there.url(), body, headers)
    (got,) = there.got
    assert Standard(text).verify(got.body, got.headers)["type"] == "license.grant"
    for changed in (
        (got.body.replace(b"grant", b"revok"), got.headers),
        (got.body, got.headers | {"webhook-id": "msg_2"}),
        (got.body, got.headers | {"webhook-timestamp": str(int(time.time()) + 1)}),
    ):
        with pytest.raises(WebhookVerificationError):
            Standard(text).verify(*changed)
    with pytest.raises(WebhookVerificationError):
        Standard(shown(fresh_secret()).reveal().decode()).verify(got.body, got.headers)
    old = signed_headers(secret, "msg_1", body, timestamp=int(time.time()) - 600)
    with pytest.raises(WebhookVerificationError, match="too old"):
        Standard(text).verify(body, old)


def test_a_private_address_is_never_connected_to(there: Receiver) -> None:
    closed = outbound(there, allowed=())
    for host in ("127.0.0.1", "localhost", "2130706433", "0x7f.1", "0177.1", "[::ffff:127.0.0.1]"):
        assert closed.post(there.url(host), b"{}", {}).error == "address_refused"
    assert there.got == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(there: Receiver, status: int) -> None:
    with receiver() as other:
        there.answers = [(status, {"Location": other.url()}, b"")]
        answered = outbound(there, other).post(there.url(), b"{}", {})
        assert (answered.status, answered.error) == (status, "redirect_refused")
        assert (len(there.got), other.got) == (1, [])


def test_a_name_that_turns_private_after_the_check_is_not_followed(there: Receiver) -> None:
    """The first answer is fit, every later one is the private receiver: rebinding finds no second question."""
    asked: list[str] = []

    def rebinding(host: str, _port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.2"]

    with receiver(host="127.0.0.2") as private:
        private.port, kept = there.port, private.port
        way = outbound(there, resolve=rebinding)
        assert way.post(there.url("rebinding.example"), b"{}", {}).error is None
        assert (asked, len(there.got)) == (["rebinding.example"], 1)
        assert there.got[0].headers["host"] == f"rebinding.example:{there.port}"
        private.port = kept
        later = outbound(private, resolve=rebinding)
        assert later.post(private.url("rebinding.example"), b"{}", {}).error == "address_refused"
        assert private.got == []


def test_proxies_of_the_environment_are_not_asked(there: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    with receiver() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url(path=""))
        assert outbound(there).post(there.url(), b"{}", {}).error is None
        assert (len(there.got), proxy.got) == (1, [])


def test_the_second_address_is_tried_where_the_first_does_not_answer(there: Receiver) -> None:
    way = outbound(there, resolve=lambda *_: ["127.0.0.3", "127.0.0.1"], allowed=_loopbacks())
    assert way.post(there.url("two.example"), b"{}", {}).error is None


def test_a_receiver_that_drips_is_left_when_the_time_is_over(there: Receiver) -> None:
    there.drips = 0.05
    began = time.monotonic()
    answered = outbound(there, seconds=0.6).post(there.url(), b"{}", {})
    assert answered.error == "timed_out"
    assert time.monotonic() - began < 5


def test_nobody_there_and_refusals_have_codes(there: Receiver) -> None:
    there.will_answer(500)
    assert outbound(there).post(there.url(), b"{}", {}).error == "status_not_2xx"
    there.answers = [(200, {"Content-Length": "junk"}, b"")]
    assert outbound(there).post(there.url(), b"{}", {}).error == "connection_failed"
    nobody = Receiver(port=there.port)
    assert outbound(nobody, resolve=lambda *_: ["127.0.0.9"], allowed=_loopbacks()).post(
        nobody.url("gone.example"), b"{}", {}
    ).error in ("connection_failed", "timed_out")
    assert outbound(there, http=False).post(there.url(), b"{}", {}).error == "url_refused"


def test_tls_is_verified_against_the_name_and_not_the_address(tmp_path: Path) -> None:
    tls, trusted = certificate(tmp_path, "hooks.example")
    with receiver(tls=tls) as there:
        way = outbound(there, resolve=lambda *_: ["127.0.0.1"])
        good, other = there.url("hooks.example", "https"), there.url("other.example", "https")
        assert way.post(good, b"{}", {}).error == "tls_failed"  # nobody trusts it yet
        trusting = ssl.create_default_context(cafile=str(trusted))
        knowing = Outbound(way.rules, trusting, way.resolve)
        assert knowing.post(other, b"{}", {}).error == "tls_failed"
        assert there.got == []
        assert knowing.post(good, b"{}", {}).error is None
        assert [got.headers["host"] for got in there.got] == [f"hooks.example:{there.port}"]


def _loopbacks() -> tuple[object, ...]:
    import ipaddress

    return (ipaddress.ip_network("127.0.0.0/8"),)
