"""Where images cannot be counted, whoever waits is told: on the usual way and on the shortcut."""

from typing import NoReturn

import pytest
from sqlalchemy.exc import OperationalError

from api.predictions import counting
from tests.api.networks import as_npy, random_pixels
from tests.api.problems import problem_of
from tests.api.seeding import House, Person
from tests.api.wiring import request, wired

BATCH = as_npy(random_pixels(3))


def test_whoever_distils_is_told_when_their_images_cannot_be_counted(
    house: House, provider: Person, customer: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = house.box(provider)
    house.license(provider, box, customer, mode="hosted")
    asked = request(box, BATCH, who=customer, act="distill")

    def broken(*_given: object, **_named: object) -> NoReturn:
        raise OperationalError("UPDATE", {}, Exception("database is locked"))

    with wired(house) as wire:
        wire.ask(asked, asked)
        assert "distill" in wire.taken, "the shortcut is taken"
        monkeypatch.setattr(counting, "count", broken)
        problem = problem_of(wire.ask(asked)[0], 500, "internal")

    assert "locked" not in str(problem)
