"""Many at once: limits, first uses and transfers hold whoever comes first."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from httpx2 import Response
from sqlalchemy import select

from sdb_service.tables import AuditEvent
from tests.api.networks import NPY, as_npy, random_pixels
from tests.api.problems import problem_of
from tests.api.seeding import House, Person

pytestmark = pytest.mark.trust


def crowd_of(size: int, ask: Callable[[int], Response]) -> list[Response]:
    """All begin together."""
    start = threading.Barrier(size)

    def begin(turn: int) -> Response:
        start.wait()
        return ask(turn)

    with ThreadPoolExecutor(size) as crowd:
        return list(crowd.map(begin, range(size)))


def key(house: House, who: Person, held: str) -> Response:
    return house.get(who, f"/v1/licenses/{held}/key")


def audited(house: House, held: str, action: str) -> list[AuditEvent]:
    with house.runtime.database.reading() as session:
        rows = select(AuditEvent).where(AuditEvent.object_id == held, AuditEvent.action == action)
        return list(session.execute(rows.order_by(AuditEvent.number)).scalars())


def test_of_100_downloads_at_once_under_a_limit_of_10_exactly_10_get_the_key(each_house: House) -> None:
    provider, customer = each_house.person("provider"), each_house.person("customer")
    held = each_house.license(provider, each_house.box(provider), customer, max_downloads=10)

    answers = crowd_of(100, lambda _turn: key(each_house, customer, held))

    given = [answer for answer in answers if answer.status_code == 200]
    assert len(given) == 10
    assert len({answer.content[-768:] for answer in given}) == 1  # kappa; the order of what stands before it is free
    for answer in answers:
        if answer not in given:
            problem_of(answer, 403, "license_downloads_used_up")
    assert [row.detail["download"] for row in audited(each_house, held, "license.key")] == list(range(1, 11))
    assert each_house.get(provider, f"/v1/licenses/{held}").json()["downloads"] == 10


def test_of_many_first_uses_at_once_one_begins_the_days(each_house: House) -> None:
    provider, customer = each_house.person("provider"), each_house.person("customer")
    box = each_house.box(provider)
    held = each_house.license(provider, box, customer, valid_for_days=7)
    headers, seen = customer.headers | {"Content-Type": NPY}, []

    def use(turn: int) -> Response:
        uses: tuple[Callable[[], Response], ...] = (
            lambda: key(each_house, customer, held),
            lambda: each_house.get(customer, f"/v1/boxes/{box}/checkpoint"),
            lambda: each_house.http.post(f"/v1/boxes/{box}/distill", content=as_npy(random_pixels()), headers=headers),
        )
        answer = uses[turn % 3]()
        seen.append(each_house.get(provider, f"/v1/licenses/{held}").json())
        return answer

    answers = crowd_of(45, use)

    assert {answer.status_code for answer in answers} == {200}
    assert len(seen) == 45
    (began,) = {one["first_used_at"] for one in seen}  # whoever looks after a use sees one beginning, and the same
    (ends,) = {one["expires_at"] for one in seen}
    assert datetime.fromisoformat(ends) - datetime.fromisoformat(began) == timedelta(days=7)


def test_a_license_that_is_transferred_amid_downloads_gives_the_former_holder_none_afterwards(
    each_house: House,
) -> None:
    house, provider = each_house, each_house.person("provider")
    old, new = house.person("customer"), house.person("customer")
    held = house.license(provider, house.box(provider), old)
    moved_at: list[float] = []

    def ask(turn: int) -> tuple[float, Response]:
        if turn == 40:
            answer = house.post(provider, f"/v1/licenses/{held}/transfer", {"customer_id": new.id})
            moved_at.append(time.perf_counter())
            return moved_at[0], answer
        began = time.perf_counter()
        return began, key(house, old if turn % 2 else new, held)

    with ThreadPoolExecutor(16) as crowd:
        answers = list(crowd.map(ask, range(160)))

    assert answers[40][1].status_code == 200
    too_late = [answer for turn, (began, answer) in enumerate(answers) if turn % 2 and began > moved_at[0]]
    assert len(too_late) > 20
    for answer in too_late:
        problem_of(answer, 404, "license_not_found")
    (transfer,) = audited(house, held, "license.transfer")
    keys = audited(house, held, "license.key")
    assert {row.actor_id for row in keys if row.number < transfer.number} == {old.id}
    assert {row.actor_id for row in keys if row.number > transfer.number} == {new.id}
    assert [row.detail["download"] for row in keys] == list(range(1, len(keys) + 1))
    assert len(keys) == sum(answer.status_code == 200 for _, answer in answers) - 1


def test_of_transfers_and_other_acts_at_once_each_is_whole_or_refused(each_house: House) -> None:
    house, provider = each_house, each_house.person("provider")
    people = [house.person("customer") for _ in range(4)]
    held = house.license(provider, house.box(provider), people[0])
    acts: list[tuple[str, Any]] = [("transfer", {"customer_id": one.id}) for one in people[1:]]
    acts += [("suspend", None), ("reinstate", None), ("renew", {"expires_at": None})]

    answers = crowd_of(
        24, lambda turn: house.post(provider, f"/v1/licenses/{held}/{acts[turn % 6][0]}", acts[turn % 6][1])
    )

    assert {answer.status_code for answer in answers} <= {200, 409, 422}
    done = {
        act: sum(answer.status_code == 200 for answer, (name, _) in zip(answers, acts * 4, strict=True) if name == act)
        for act, _ in acts
    }
    for act, count in done.items():
        assert len(audited(house, held, f"license.{act}")) == count, act
    found = house.get(provider, f"/v1/licenses/{held}").json()
    assert found["transfers"] == done["transfer"] > 0
    assert found["customer_id"] == audited(house, held, "license.transfer")[-1].detail["to_customer_id"]
    assert found["state"] == ("suspended" if done["suspend"] > done["reinstate"] else "active")
