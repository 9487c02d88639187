"""Bodies that take their time: answered when they are whole, and under the rights of that moment."""

import time

import pytest

from sdb_service.tables import License
from tests.api.networks import as_image, as_npy, random_pixels
from tests.api.problems import problem_of
from tests.api.seeding import House, Person
from tests.api.wiring import Wired, read, request, wired

BATCH = as_npy(random_pixels(3))
PNG = as_image(random_pixels()[0], "PNG")


def know(wire: Wired, asked: bytes) -> None:
    """Ask until the shortcut knows the head."""
    assert {answer.status for answer in wire.ask(*[asked] * 3)} == {200}
    assert wire.taken


@pytest.mark.parametrize("cut", [0, 100])
@pytest.mark.parametrize("is_known", [True, False])
def test_who_lost_the_right_while_sending_is_refused(
    house: House, provider: Person, customer: Person, is_known: bool, cut: int
) -> None:
    box = house.box(provider)
    held = house.license(provider, box, customer)
    asked = request(box, BATCH, who=customer)
    start = asked.index(b"\r\n\r\n") + 4 + cut
    with wired(house) as wire, wire.connect() as connection:
        if is_known:
            know(wire, asked)
        connection.sendall(asked[:start])
        time.sleep(0.1)
        with house.runtime.database.transaction() as session:
            session.get_one(License, held).state = "revoked"
        time.sleep(1.1)
        connection.sendall(asked[start:])

        problem_of(read(connection), 404, "box_not_found")


def test_a_slow_body_outlives_the_time_for_which_a_silent_connection_is_kept(house: House, provider: Person) -> None:
    box = house.box(provider, published=True)
    asked = request(box, PNG, "image/png")
    with wired(house, timeout_keep_alive=1) as wire, wire.connect() as connection:
        for _ in range(2):
            connection.sendall(asked)
            assert read(connection).status == 200
        connection.sendall(asked[:-50])
        time.sleep(2.5)
        connection.sendall(asked[-50:])

        assert read(connection).status == 200
