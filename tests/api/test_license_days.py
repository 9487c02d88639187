"""When a license begins to run, when it ends, and that both sides are told."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest

from sdb_service import clock
from sdb_service.lifecycle.endings import tell_endings
from sdb_service.tables import AuditEvent
from tests.api.licensed import ALL, code_of, distill, hosted_infer, key, look, weights
from tests.api.moving import moving_clock
from tests.api.seeding import House, Person

pytestmark = pytest.mark.trust


@pytest.mark.parametrize("use", [key, distill, hosted_infer, weights])
def test_the_days_are_counted_from_the_first_use_whatever_it_is(each_house: House, use: Any) -> None:
    house, provider, customer = each_house, each_house.person("provider"), each_house.person("customer")
    box = house.box(provider)
    held = house.license(provider, box, customer, valid_for_days=30)
    before = look(house, customer, held)
    assert (before["expires_at"], before["first_used_at"], before["valid"]) == (None, None, True)

    assert code_of(use(house, customer, held, box)) == "given"
    first = look(house, customer, held)
    assert code_of(key(house, customer, held, box)) == "given"

    began, ends = (datetime.fromisoformat(first[name]) for name in ("first_used_at", "expires_at"))
    assert ends - began == timedelta(days=30)
    assert abs(clock.now() - began) < timedelta(minutes=1)
    again = look(house, customer, held)
    assert (again["first_used_at"], again["expires_at"]) == (first["first_used_at"], first["expires_at"])


def test_what_is_refused_is_no_first_use(house: House, provider: Person, customer: Person) -> None:
    box = house.box(provider)
    held = house.license(provider, box, customer, valid_for_days=30, max_predictions=1, entitlements=ALL[1:2])

    assert [code_of(route(house, customer, held, box)) for route in (key, weights, distill)] == [
        "license_not_entitled",
        "license_not_entitled",
        "license_predictions_used_up",
    ]
    assert look(house, customer, held)["first_used_at"] is None


def test_an_end_that_was_named_stands_where_it_is_sooner(house: House, provider: Person, customer: Person) -> None:
    box, soon = house.box(provider), clock.after(3600).isoformat()
    held = house.license(provider, box, customer, valid_for_days=30, expires_at=soon)

    assert code_of(key(house, customer, held, box)) == "given"

    assert datetime.fromisoformat(look(house, customer, held)["expires_at"]) == datetime.fromisoformat(soon)


def test_a_renewal_names_an_end_in_place_of_the_days(house: House, provider: Person, customer: Person) -> None:
    box, later = house.box(provider), clock.after(90 * 86_400).isoformat()
    held = house.license(provider, box, customer, valid_for_days=30)

    assert house.post(provider, f"/v1/licenses/{held}/renew", {"expires_at": later}).status_code == 200
    assert code_of(key(house, customer, held, box)) == "given"

    found = look(house, customer, held)
    assert found["valid_for_days"] is None
    assert datetime.fromisoformat(found["expires_at"]) == datetime.fromisoformat(later)


def endings_told(house: House, held: str) -> int:
    return house.count(AuditEvent, AuditEvent.object_id == held, AuditEvent.action == "license.expire")


def tell(house: House) -> list[str]:
    with house.runtime.database.transaction() as session:
        return tell_endings(session)


def test_each_end_of_a_license_is_told_once_however_many_tell_of_it(each_house: House) -> None:
    house, provider, customer = each_house, each_house.person("provider"), each_house.person("customer")
    box = house.box(provider)
    with moving_clock() as moving:

        def in_an_hour() -> str:
            return (moving.now + timedelta(hours=1)).isoformat()

        held = house.license(provider, box, customer, expires_at=in_an_hour())
        others = [house.license(provider, box, customer), house.license(provider, box, customer, valid_for_days=1)]
        assert held not in tell(house)
        moving.go_on(timedelta(hours=1))
        assert code_of(key(house, customer, held, box)) == "license_expired"  # whoever tells of it or not
        with ThreadPoolExecutor(6) as crowd:
            told = [each for found in crowd.map(lambda _turn: tell(house), range(6)) for each in found]
        assert told.count(held) == endings_told(house, held) == 1

        house.post(provider, f"/v1/licenses/{held}/renew", {"expires_at": in_an_hour()})
        assert held not in tell(house)
        moving.go_on(timedelta(hours=2))
        assert tell(house).count(held) == 1
        house.post(provider, f"/v1/licenses/{held}/revoke")
        assert held not in tell(house)

    assert [endings_told(house, one) for one in (held, *others)] == [2, 0, 0]
