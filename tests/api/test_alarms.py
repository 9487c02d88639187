"""Alarms: raised by what is asked, told to the box's owner alone, once a day; answers stay as they are."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from api.bodies.geometry import Pixels
from api.monitoring.callers import Callers
from api.monitoring.raising import network_of, watching
from api.monitoring.watch import Watch
from sdb_service.tables import Alarm, AuditEvent, Box, Dataset, Job
from tests.api.asking import ask
from tests.api.conftest import house_on
from tests.api.networks import NPY, Network, as_npy
from tests.api.problems import problem_of
from tests.api.seeding import NOBODY, House, Person
from tests.api.strollers import augmented, natural
from tests.servers import profiles
from tests.servers.profiles import Profile

MOST = 2000


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, network: Network) -> Iterator[House]:
    settings = profiles.embedded(tmp_path_factory.mktemp("watched")).settings
    with house_on(settings, network, monitor_distinct_images=MOST, public_images_per_minute=100_000) as opened:
        yield opened


@pytest.fixture
def box(house: House, provider: Person) -> str:
    return house.box(provider, published=True)


def small(count: int, *, seed: int = 0) -> Pixels:
    return natural(count, seed=seed, side=8)


def send(house: House, box: str, images: Pixels, *, who: Person = NOBODY, act: str = "predict", many: int = 64) -> None:
    """Ask a box, so many images a request, and look at each."""
    for start in range(0, len(images), many):
        headers = who.headers | {"Content-Type": NPY}
        body = as_npy(images[start : start + many])
        answer = house.http.post(f"/v1/boxes/{box}/{act}", content=body, headers=headers)
        assert answer.status_code == 200, answer.text
        look(house)


def look(house: House) -> None:
    app: Any = house.http.app
    app.state.lane.watch.look()


def alarms(house: House, who: Person, box: str) -> list[dict[str, Any]]:
    answer = house.get(who, f"/v1/boxes/{box}/alarms")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


def test_a_copier_is_told_of_with_all_numbers_and_the_owner_alone_reads_it(
    house: House, provider: Person, box: str, customer: Person
) -> None:
    send(house, box, small(MOST + 100), who=customer)

    (alarm,) = alarms(house, provider, box)

    assert (alarm["kind"], alarm["box_id"], alarm["threshold"]) == ("volume", box, MOST)
    assert alarm["value"] == pytest.approx(MOST, rel=0.05)
    assert (alarm["caller_id"], alarm["payer"], alarm["network"]) == (customer.id, customer.id, None)
    numbers = alarm["numbers"]
    assert numbers["seen"] == numbers["queries"]
    assert (numbers["seen_share"], numbers["training_images"], numbers["distilled"]) == (1.0, None, 0)
    assert numbers["near_duplicates"] == 0
    assert 0.9 < numbers["normality"] <= 1
    assert numbers["label_entropy"] > 0.5
    assert sum(numbers["nearest"]["images"]) > 900
    for stranger in (customer, house.person("provider")):
        problem_of(house.get(stranger, f"/v1/boxes/{box}/alarms"), 404, "box_not_found")
    problem_of(house.get(NOBODY, f"/v1/boxes/{box}/alarms"), 401, "token_missing")


def test_an_alarm_is_in_the_owners_audit_log(house: House, provider: Person, box: str, customer: Person) -> None:
    send(house, box, small(MOST + 100), who=customer)

    (alarm,) = alarms(house, provider, box)
    event = house.get(provider, "/v1/audit").json()["data"][0]

    assert (event["action"], event["object_id"], event["actor_id"]) == ("box.alarm", box, None)
    assert event["detail"] == {"alarm": alarm["id"], "kind": "volume", "caller": customer.id}
    assert all(event["action"] != "box.alarm" for event in house.get(customer, "/v1/audit").json()["data"])


def test_somebody_without_a_token_is_named_by_a_pseudonym(house: House, provider: Person, box: str) -> None:
    send(house, box, augmented(640, step=6, side=8))

    found = alarms(house, provider, box)

    assert {alarm["kind"] for alarm in found} == {"near_duplicates", "distances"}
    assert {(alarm["caller_id"], alarm["network"]) for alarm in found} == {(None, None)}
    (payer,) = {alarm["payer"] for alarm in found}
    assert payer.startswith("adr_")
    assert "testclient" not in str(found)


@pytest.mark.parametrize(
    ("address", "network"),
    [("203.0.113.77", "203.0.113.0/24"), ("2001:db8:1:2::3", "2001:db8:1::/48"), ("unknown", None)],
)
def test_an_address_is_shown_as_its_network(address: str, network: str | None) -> None:
    assert network_of(address) == network


def test_answers_of_a_caller_who_was_told_of_are_the_same_bytes(
    embedded_profile: Profile, network: Network, house: House, provider: Person, box: str, customer: Person
) -> None:
    images = [as_npy(part) for part in np.split(augmented(640, step=6, side=8), 10)]
    watched = []
    for body in images * 2:
        watched.append(ask(house, box, body, who=customer).content)
        look(house)
    assert alarms(house, provider, box)

    with house_on(embedded_profile.settings, network, monitor=False) as unwatched:
        other = unwatched.box(unwatched.person("provider"), published=True)
        plain = [ask(unwatched, other, body).content for body in images * 2]
        look(unwatched)
        assert unwatched.count(Alarm) == 0
    assert watched == [answer.replace(other.encode(), box.encode()) for answer in plain]


def test_the_owner_the_admin_and_whoever_holds_a_license_are_not_told_of(
    house: House, provider: Person, box: str, customer: Person, admin: Person
) -> None:
    house.license(provider, box, customer)
    for who in (provider, admin, customer):
        send(house, box, small(MOST + 100), who=who, many=700)
    assert alarms(house, provider, box) == []


def test_whoever_loses_their_license_is_told_of_at_their_next_question(
    house: House, provider: Person, box: str, customer: Person
) -> None:
    held = house.license(provider, box, customer)
    send(house, box, small(MOST + 100), who=customer)
    house.post(provider, f"/v1/licenses/{held}/suspend")
    assert alarms(house, provider, box) == []

    send(house, box, small(1, seed=7), who=customer)

    assert [alarm["caller_id"] for alarm in alarms(house, provider, box)] == [customer.id]


def test_what_is_distilled_under_a_license_is_counted_and_no_alarm(
    house: House, provider: Person, box: str, customer: Person
) -> None:
    held = house.license(provider, box, customer, mode="hosted")
    send(house, box, small(MOST + 100, seed=1), who=customer, act="distill", many=700)
    assert alarms(house, provider, box) == []
    house.post(provider, f"/v1/licenses/{held}/revoke")

    send(house, box, small(MOST + 100), who=customer)

    (alarm,) = alarms(house, provider, box)
    assert (alarm["kind"], alarm["numbers"]["distilled"]) == ("volume", MOST + 100)


def test_many_processes_tell_of_a_caller_once_a_day(each_house: House) -> None:
    provider, customer = each_house.person("provider"), each_house.person("customer")
    box, images = each_house.box(provider, published=True), augmented(640, step=6, side=8)
    send(each_house, box, images, who=customer)
    app: Any = each_house.http.app
    lane, first = app.state.lane, app.state.lane.watch
    lane.watch = watching(each_house.runtime)  # as in another process
    try:
        send(each_house, box, images, who=customer)
        send(each_house, box, small(100, seed=5), who=customer)
    finally:
        lane.watch.close()
        lane.watch = first

    found = alarms(each_house, provider, box)
    assert sorted(alarm["kind"] for alarm in found) == ["distances", "near_duplicates"]
    assert each_house.count(AuditEvent, AuditEvent.object_id == box, AuditEvent.action == "box.alarm") == 2


def test_the_number_of_training_images_is_that_of_the_boxs_data(house: House, customer: Person) -> None:
    owner = house.person("provider")
    box = box_made_with(house, owner, images=500)

    send(house, box, small(600), who=customer)

    (alarm,) = alarms(house, owner, box)
    assert (alarm["threshold"], alarm["numbers"]["training_images"]) == (500, 500)


def test_alarms_come_newest_first_in_pages(house: House, provider: Person, box: str) -> None:
    send(house, box, augmented(640, step=6, side=8))

    first = house.get(provider, f"/v1/boxes/{box}/alarms?limit=1").json()
    second = house.get(provider, f"/v1/boxes/{box}/alarms?limit=1&cursor={first['next_cursor']}").json()

    found = [page["data"][0]["id"] for page in (first, second)]
    assert found == sorted(found, reverse=True)
    assert second["next_cursor"] is None


def test_the_thread_looks_by_itself_and_rests_when_nothing_is_asked(
    house: House, provider: Person, box: str, customer: Person
) -> None:
    for part in np.split(augmented(640, step=6, side=8), 10):
        ask(house, box, as_npy(part), who=customer)
    end = time.monotonic() + 10
    while not alarms(house, provider, box) and time.monotonic() < end:
        time.sleep(0.05)
    assert alarms(house, provider, box)
    app: Any = house.http.app
    time.sleep(1.2)
    assert not app.state.lane.watch._awake.is_set()


def test_closing_ends_the_thread(embedded_profile: Profile, network: Network) -> None:
    before = monitors()
    with house_on(embedded_profile.settings, network) as opened:
        ask(opened, opened.box(opened.person("provider"), published=True), as_npy(small(1)))
        assert len(monitors() - before) == 1
    assert monitors() == before


def test_a_monitor_that_is_off_notes_nothing() -> None:
    Watch(Callers(capacity=1), lambda *_: None, is_on=False).saw([object()], np.zeros((1, 10), np.float32))  # type: ignore[list-item]


def monitors() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "monitor"}


def box_made_with(house: House, owner: Person, *, images: int) -> str:
    box = house.box(owner, published=True)
    with house.runtime.database.transaction() as session:
        job = session.get_one(Job, session.get_one(Box, box).job_id)
        dataset = session.get_one(Dataset, job.dataset_id)
        dataset.summary = dict(dataset.summary or {}) | {"train": images}
    return box
