"""Behind a proxy: both ways take the caller for the same address, and nobody makes one up."""

import pytest

from tests.api.networks import as_image, random_pixels
from tests.api.seeding import House
from tests.api.wiring import request, wired

PNG = as_image(random_pixels()[0], "PNG")


@pytest.mark.parametrize(
    ("trusted", "named", "is_believed"),
    [
        ("127.0.0.1", "X-Forwarded-For: 10.1.1.{}", True),
        ("127.0.0.1", "X-Forwarded-For: 9.9.9.9, 10.1.2.{}:4000, 127.0.0.1", True),
        ("*", "X-Forwarded-For: 10.1.3.{}, 8.8.8.8", True),
        (["10.0.0.0/8", "127.0.0.1"], "x-forwarded-for: 11.1.4.{}, 10.3.3.3", True),
        ("192.168.0.1", "X-Forwarded-For: 10.1.5.{}", False),
    ],
)
def test_the_budget_is_that_of_whom_a_trusted_proxy_names(
    house: House, trusted: str | list[str], named: str, is_believed: bool
) -> None:
    box = house.box(house.person("provider"), published=True)
    with wired(house, forwarded_allow_ips=trusted) as wire:
        wire.ask(request(box, PNG, "image/png"))
        usual = wire.ask(request(box, PNG, "image/png", lines=(named.format(1), "Expect: nothing")))[0]
        wire.taken.clear()
        first, second = wire.ask(*[request(box, PNG, "image/png", lines=(named.format(1),))] * 2)
        other = wire.ask(request(box, PNG, "image/png", lines=(named.format(2),)))[0]

        assert len(wire.taken) == 3
    left = [int(one.headers["x-ratelimit-remaining"]) for one in (usual, first, second, other)]
    assert left[0] - left[1] == left[1] - left[2] == 1
    assert left[3] == (left[0] if is_believed else left[2] - 1)
