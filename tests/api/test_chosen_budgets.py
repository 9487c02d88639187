"""What a provider allows a minute, for a box and for a license."""

import time

import pytest

from tests.api.asking import ask
from tests.api.networks import as_npy, random_pixels
from tests.api.problems import problem_of
from tests.api.seeding import House, Person

PIXELS = random_pixels(3)


@pytest.fixture(autouse=True)
def within_one_minute() -> None:
    """Budgets begin anew with each minute of the clock; no test runs across that."""
    left = 60 - time.time() % 60
    if left < 10:
        time.sleep(left + 0.1)


def allow(house: House, owner: Person, box: str, images: int | None) -> None:
    answer = house.post(owner, f"/v1/boxes/{box}/publish", {"images_per_minute": images})
    assert answer.json()["images_per_minute"] == images


def test_a_box_gives_everybody_as_much_as_its_owner_allows(
    each_house: House,
) -> None:
    owner, caller = each_house.person("provider"), each_house.person("customer")
    box, other = each_house.box(owner, published=True), each_house.box(owner, published=True)
    allow(each_house, owner, box, 5)

    first = ask(each_house, box, as_npy(PIXELS))
    refused = ask(each_house, box, as_npy(PIXELS))

    assert (first.headers["X-RateLimit-Limit"], first.headers["X-RateLimit-Remaining"]) == ("5", "2")
    problem = problem_of(refused, 429, "image_budget_spent")
    assert "2 of 5 images a minute are left and 3 were asked for" in problem["detail"]
    assert 1 <= int(refused.headers["Retry-After"]) <= 61
    assert ask(each_house, box, as_npy(PIXELS[:2])).status_code == 200
    assert ask(each_house, box, as_npy(PIXELS), who=caller).status_code == 200, (
        "each who asks has a budget of their own"
    )
    assert ask(each_house, other, as_npy(PIXELS)).headers["X-RateLimit-Limit"] == "6000"
    assert ask(each_house, box, as_npy(PIXELS), who=owner).headers["X-RateLimit-Limit"] == "1000000"


def test_what_the_owner_allows_can_be_changed_and_taken_back(house: House, provider: Person) -> None:
    box = house.box(provider, published=True)
    allow(house, provider, box, 3)
    assert ask(house, box, as_npy(PIXELS)).status_code == 200
    problem_of(ask(house, box, as_npy(PIXELS[:1])), 429, "image_budget_spent")

    allow(house, provider, box, 4)
    assert ask(house, box, as_npy(PIXELS[:1])).headers["X-RateLimit-Remaining"] == "0"

    allow(house, provider, box, None)
    assert ask(house, box, as_npy(PIXELS)).status_code == 200


def test_a_license_has_a_budget_a_minute_that_other_licenses_do_not_share(
    each_house: House,
) -> None:
    owner, tight, free = (each_house.person(role) for role in ("provider", "customer", "customer"))
    box = each_house.box(owner)
    held = each_house.license(owner, box, tight, mode="hosted", images_per_minute=5)
    each_house.license(owner, box, free, mode="hosted")

    def distill(who: Person) -> int:
        kind = {"Content-Type": "application/x-npy"}
        answer = each_house.http.post(f"/v1/boxes/{box}/distill", content=as_npy(PIXELS), headers=who.headers | kind)
        return answer.status_code

    assert [distill(tight), distill(tight), distill(free), distill(free)] == [200, 429, 200, 200]
    shown = each_house.http.get(f"/v1/licenses/{held}", headers=owner.headers).json()
    assert (shown["images_per_minute"], shown["predictions"]) == (5, 3), "what was refused is not counted"


@pytest.mark.parametrize("images", [0, -1, 2**31, "many"])
def test_a_budget_that_is_no_count_is_refused(house: House, provider: Person, images: object) -> None:
    box = house.box(provider)

    answer = house.post(provider, f"/v1/boxes/{box}/publish", {"images_per_minute": images})

    problem_of(answer, 422, "request_invalid")
