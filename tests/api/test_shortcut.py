"""The shortcut of predictions: the same answers as the usual way, and never one that the usual way would refuse."""

import time
from collections.abc import Iterator
from contextlib import suppress

import numpy as np
import pytest

from sdb_service.tables import License
from tests.api.asking import ask
from tests.api.networks import NPY, as_image, as_npy, random_pixels
from tests.api.problems import problem_of
from tests.api.seeding import House, Person
from tests.api.wiring import Wired, read, request, wired

PIXELS = random_pixels(3)
PNG = as_image(PIXELS[0], "PNG")
BATCH = as_npy(PIXELS)
NOT_PLAIN = (
    "Transfer-Encoding: chunked",
    "Content-Length: 3",
    "content-length: 7",
    "Expect: 100-continue",
    "Upgrade: h2c",
    "Content-Encoding: gzip",
    "Accept: */*\r\nAccept: text/html",
)


@pytest.fixture(scope="module")
def wire(house: House) -> Iterator[Wired]:
    with wired(house) as found:
        yield found


@pytest.fixture
def taken(wire: Wired) -> list[str]:
    """What the shortcut has answered since the test began."""
    wire.taken.clear()
    return wire.taken


@pytest.fixture
def box(house: House, provider: Person) -> str:
    return house.box(provider, published=True)


def as_usual(house: House, box: str, body: bytes, kind: str, **asked: str) -> tuple[bytes, set[str]]:
    answer = ask(house, box, body, kind, **asked)
    return answer.content, set(answer.headers)


@pytest.mark.parametrize(("body", "kind"), [(PNG, "image/png"), (BATCH, NPY), (as_npy(PIXELS[0]), "Application/X-NPY")])
@pytest.mark.parametrize("accept", ["application/json", NPY])
@pytest.mark.parametrize("query", ["?return=labels", "?return=labels,probs&top_k=10&temperature=2"])
def test_both_ways_answer_the_same(
    house: House, wire: Wired, taken: list[str], provider: Person, body: bytes, kind: str, accept: str, query: str
) -> None:
    box = house.box(provider, published=True, top_k=10)
    asked = request(box, body, kind, query=query, lines=(f"Accept: {accept}",))
    first, *others = wire.ask(*[asked] * 3)
    usual = ask(house, box, body, kind, accept=accept, query=query)

    assert len(taken) == 2, "the first is known to nobody yet"
    for answer in (first, *others):
        assert (answer.status, answer.body) == (200, usual.content)
        assert set(answer.headers) == set(usual.headers) | {"date"}
        same = {"content-type", "x-content-type-options", "x-frame-options", "referrer-policy", "x-ratelimit-limit"}
        assert {name: answer.headers[name] for name in same} == {name: usual.headers[name] for name in same}
    assert len({answer.headers["x-request-id"] for answer in others}) == 2
    assert all(answer.headers["x-request-id"].startswith("req_") for answer in others)
    left = [int(answer.headers["x-ratelimit-remaining"]) for answer in others]
    assert left[0] - left[1] in {1, 3}


def test_an_offered_request_id_comes_back(wire: Wired, taken: list[str], box: str) -> None:
    answers = wire.ask(*[request(box, PNG, "image/png", lines=("X-Request-Id: build-7",))] * 2)
    strange = wire.ask(*[request(box, PNG, "image/png", lines=("X-Request-Id: a b",))] * 2)

    assert [answer.headers["x-request-id"] for answer in answers] == ["build-7"] * 2
    assert all(answer.headers["x-request-id"].startswith("req_") for answer in strange)
    assert len(taken) == 3


def test_a_request_may_come_in_any_pieces(wire: Wired, taken: list[str], box: str) -> None:
    whole = request(box, BATCH)
    expected = wire.ask(whole)[0].body
    head = whole.index(b"\r\n\r\n") + 4
    with wire.connect() as connection:
        for cut in (head, head + 1, len(whole) - 1, 20, head - 2):
            for part in (whole[:cut], whole[cut:]):
                connection.sendall(part)
                time.sleep(0.02)
            assert read(connection).body == expected

    assert len(taken) == 3, "cut in its head it goes the usual way"


def test_requests_sent_together_are_answered_in_their_order(wire: Wired, taken: list[str], box: str) -> None:
    one, other = request(box, PNG, "image/png"), request(box, BATCH)
    health = b"GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n"
    wire.ask(one, other)
    with wire.connect() as connection:
        connection.sendall(one)
        connection.sendall(other + one)
        connection.sendall(health + other)
        answers = [read(connection) for _ in range(5)]

    assert [len(found.json().get("labels", [])) for found in answers] == [1, 3, 1, 0, 3]


def test_a_picture_that_is_none_is_refused_as_usual_and_the_connection_goes_on(
    house: House, wire: Wired, taken: list[str], box: str
) -> None:
    good = request(box, PNG, "image/png")
    broken = request(box, PNG[:40] + bytes(20) + PNG[60:], "image/png")

    answers = wire.ask(good, broken, good)

    usual = problem_of(ask(house, box, PNG[:40] + bytes(20) + PNG[60:], "image/png"), 400, "image_unreadable")
    assert problem_of(answers[1], 400, "image_unreadable")["detail"] == usual["detail"]
    assert [answer.status for answer in answers] == [200, 400, 200]


def test_the_box_s_own_refusal_comes_by_the_shortcut_too(wire: Wired, taken: list[str], box: str) -> None:
    huge = as_npy(np.full((3, 3, 8, 8), 3e38, np.float32))
    answers = wire.ask(
        request(box, as_npy(np.zeros((3, 3, 8, 8), np.float32))), request(box, huge), request(box, BATCH)
    )

    problem_of(answers[1], 422, "answer_not_finite")
    assert [answer.status for answer in answers] == [200, 422, 200]
    assert taken == ["predict"] * 2


@pytest.mark.parametrize("line", NOT_PLAIN)
def test_a_head_that_is_not_plain_never_takes_it(wire: Wired, taken: list[str], box: str, line: str) -> None:
    wire.ask(*[request(box, PNG, "image/png")] * 2)
    taken.clear()
    for _ in range(2):
        with wire.connect() as connection:
            connection.sendall(request(box, PNG, "image/png", lines=(line,)))
            connection.settimeout(0.3)
            with suppress(TimeoutError):
                connection.recv(65_536)

    assert taken == []


def test_it_closes_the_connection_when_asked_to(wire: Wired, taken: list[str], box: str) -> None:
    for _ in range(2):
        with wire.connect() as connection:
            connection.sendall(request(box, PNG, "image/png", lines=("Connection: close",)))
            assert read(connection).headers["connection"] == "close"
            assert connection.recv(1) == b""

    assert len(taken) == 1


def test_a_silent_connection_is_closed_in_its_time(house: House, provider: Person) -> None:
    box = house.box(provider, published=True)
    with wired(house, timeout_keep_alive=1) as wire, wire.connect() as connection:
        for _ in range(4):
            connection.sendall(request(box, PNG, "image/png"))
            assert read(connection).status == 200
            time.sleep(0.5)
        began = time.monotonic()
        assert connection.recv(1) == b""
        assert time.monotonic() - began < 5
        assert len(wire.taken) >= 2


def test_what_is_taken_back_here_is_gone_with_the_next_request(
    house: House, wire: Wired, taken: list[str], provider: Person, box: str
) -> None:
    asked = request(box, PNG, "image/png")
    assert [answer.status for answer in wire.ask(asked, asked)] == [200, 200]

    house.post(provider, f"/v1/boxes/{box}/unpublish")

    problem_of(wire.ask(asked)[0], 404, "box_not_found")
    assert len(taken) == 1


@pytest.mark.parametrize("act", ["predict", "distill"])
def test_what_is_taken_back_elsewhere_is_gone_within_a_second(
    house: House, wire: Wired, taken: list[str], provider: Person, customer: Person, act: str
) -> None:
    box = house.box(provider)
    held = house.license(provider, box, customer, mode="hosted")
    asked = request(box, BATCH, who=customer, act=act)
    with wire.connect() as connection:
        _ask_for(connection, asked, 200, seconds=1.3)
        with house.runtime.database.transaction() as session:
            session.get_one(License, held).state = "suspended"
        time.sleep(1.0)
        connection.sendall(asked)
        assert read(connection).status == (404 if act == "predict" else 403)
    assert set(taken) == {act}


def test_one_caller_s_ticket_is_not_another_s(
    house: House, wire: Wired, taken: list[str], provider: Person, customer: Person
) -> None:
    box, stranger = house.box(provider), house.person("customer")
    house.license(provider, box, customer)
    answers = wire.ask(
        *[request(box, PNG, "image/png", who=customer)] * 2,
        request(box, PNG, "image/png", who=stranger),
        request(box, PNG, "image/png"),
        request(box, PNG, "image/png", who=provider, query="?return=logits"),
        request(box, PNG, "image/png", who=customer, query="?return=logits"),
    )

    assert [answer.status for answer in answers] == [200, 200, 404, 404, 200, 403]
    assert len(taken) == 1


def test_distilling_counts_every_image_and_stops_where_the_license_does(
    house: House, wire: Wired, taken: list[str], provider: Person, customer: Person
) -> None:
    box = house.box(provider)
    held = house.license(provider, box, customer, mode="hosted", max_predictions=7)
    asked = request(box, BATCH, who=customer, act="distill")

    answers = wire.ask(asked, asked, asked, request(box, BATCH, who=provider))

    usual = ask(house, box, BATCH, who=provider).json()
    assert answers[0].body == answers[1].body != usual
    problem = problem_of(answers[2], 403, "license_predictions_used_up")
    assert "1 are left and 3 were asked for" in problem["detail"]
    assert taken[:2] == ["distill"] * 2
    with house.runtime.database.reading() as session:
        assert session.get_one(License, held).predictions == 6


def _ask_for(connection: object, asked: bytes, status: int, *, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        connection.sendall(asked)
        assert read(connection).status == status
        time.sleep(0.05)
