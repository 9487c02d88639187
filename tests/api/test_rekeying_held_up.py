"""Re-keying held up: what fails, breaks, comes twice or at the same moment changes nothing by halves."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import select, update

from sdb_service import clock, lifecycle
from sdb_service.tables import Box, Job, License, Model
from tests.api.problems import problem_of
from tests.api.rekeyings import begun, licensed, listen, publish, rekeyed, standing, told_to
from tests.api.seeding import House, Person

pytestmark = pytest.mark.trust


@pytest.mark.parametrize("end", ["failed", "cancelled", "cancelled waiting", "given up"])
def test_a_job_that_ends_without_a_box_changes_nothing_for_anyone(house: House, provider: Person, end: str) -> None:
    box = house.box(provider, published=True)
    customer, held = licensed(house, provider, box)
    before = standing(house, provider, box)
    job = house.post(provider, f"/v1/boxes/{box}/rekey").json()["id"]
    listen(house, customer, "license.grant", "license.revoke", "box.rekey")
    listen(house, provider, "job.succeeded", "job.failed", "box.rekey")
    if end != "cancelled waiting":
        held_job = begun(house, job)
        with house.runtime.database.transaction() as session:
            if end == "failed":
                lifecycle.fail(session, held_job, code="child_died", detail="It died.")
            elif end == "cancelled":
                lifecycle.cancel_now(session, held_job)
            else:
                session.execute(update(Job).where(Job.id == job).values(lease_expires_at=clock.after(-1)))
        with house.runtime.database.transaction() as session:
            lifecycle.sweep(session, max_attempts=1, ring_after_seconds=30)
    else:
        house.post(provider, f"/v1/jobs/{job}/cancel")
    assert house.get(provider, f"/v1/jobs/{job}").json()["state"] in ("failed", "cancelled")
    assert standing(house, provider, box) == before
    assert told_to(house, customer) == []
    failed = [(each["type"], each["data"]["id"]) for each in told_to(house, provider)]
    assert failed == ([("job.failed", job)] if end in ("failed", "given up") else [])
    assert house.get(customer, f"/v1/licenses/{held}/key").status_code == 200
    assert house.post(provider, f"/v1/boxes/{box}/rekey").status_code == 202


def test_a_worker_that_breaks_while_it_publishes_changes_nothing(each_house: House) -> None:
    house, provider = each_house, each_house.person("provider")
    box = house.box(provider, published=True)
    licensed(house, provider, box)
    before = standing(house, provider, box)
    job = house.post(provider, f"/v1/boxes/{box}/rekey").json()["id"]
    held = begun(house, job)

    def broken() -> None:
        with house.runtime.database.transaction() as session:
            publish(house, session, held)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        broken()
    assert standing(house, provider, box) == before
    assert house.get(provider, f"/v1/jobs/{job}").json()["state"] == "running"


def test_a_second_rekeying_waits_for_the_first_and_is_told_which(house: House, provider: Person) -> None:
    box = house.box(provider)
    job = house.post(provider, f"/v1/boxes/{box}/rekey").json()["id"]
    assert job in problem_of(house.post(provider, f"/v1/boxes/{box}/rekey"), 409, "rekey_running")["detail"]
    held = begun(house, job)
    problem_of(house.post(provider, f"/v1/boxes/{box}/rekey"), 409, "rekey_running")
    with house.runtime.database.transaction() as session:
        new = publish(house, session, held).id
    problem = problem_of(house.post(provider, f"/v1/boxes/{box}/rekey"), 409, "box_replaced")
    assert new in problem["detail"]
    assert house.post(provider, f"/v1/boxes/{new}/rekey").status_code == 202


def test_the_same_request_sent_again_starts_one_job(house: House, provider: Person) -> None:
    box = house.box(provider)
    first, again = (house.post(provider, f"/v1/boxes/{box}/rekey", Idempotency_Key="k") for _ in range(2))
    assert first.json()["id"] == again.json()["id"]
    assert first.headers["location"] == again.headers["location"]


def test_of_many_who_ask_at_once_one_gets_a_job(each_house: House) -> None:
    provider = each_house.person("provider")
    box = each_house.box(provider)
    with ThreadPoolExecutor(8) as crowd:
        answers = list(crowd.map(lambda _: each_house.post(provider, f"/v1/boxes/{box}/rekey"), range(8)))
    assert sorted(answer.status_code for answer in answers) == [202] + [409] * 7
    assert each_house.count(Job, Job.replaces_box_id == box) == 1


def test_no_license_is_left_behind_that_is_granted_or_changed_while_the_box_is_replaced(each_house: House) -> None:
    house, provider = each_house, each_house.person("provider")
    for _ in range(5):
        box = house.box(provider)
        held = [licensed(house, provider, box)[1] for _ in range(3)]
        customer = house.person("customer")
        claim = begun(house, house.post(provider, f"/v1/boxes/{box}/rekey").json()["id"])
        start = threading.Barrier(4)

        def grant(box: str = box, customer: Person = customer, start: threading.Barrier = start) -> None:
            start.wait()
            house.post(provider, "/v1/licenses", {"box_id": box, "customer_id": customer.id})

        def change(act: str, license_id: str, start: threading.Barrier = start) -> None:
            start.wait()
            house.post(provider, f"/v1/licenses/{license_id}/{act}")

        def end(claim: Any = claim, start: threading.Barrier = start) -> None:
            start.wait()
            with house.runtime.database.transaction() as session:
                publish(house, session, claim)

        with ThreadPoolExecutor(4) as crowd:
            work = [crowd.submit(each) for each in (grant, end)]
            work += [crowd.submit(change, "suspend", held[0]), crowd.submit(change, "revoke", held[1])]
            for each in work:
                each.result(60)
        with house.runtime.database.reading() as session:
            new = session.get_one(Box, box).replaced_by
            rows = list(session.execute(select(License).where(License.box_id.in_([box, new or ""]))).scalars())
        old = {row.id: row for row in rows if row.box_id == box}
        assert {row.state for row in old.values()} == {"revoked"}
        replaced = {row.replaced_by for row in old.values()} - {None}
        successors = {row.id for row in rows if row.box_id == new and row.replaces_license_id}
        assert replaced == successors
        assert len(old) - len(replaced) <= 1  # the one that was revoked first


def test_a_replaced_box_is_not_published_or_licensed_again(house: House, provider: Person) -> None:
    box = house.box(provider, published=True)
    customer = house.person("customer")
    rekeyed(house, provider, box)
    problem_of(house.post(provider, f"/v1/boxes/{box}/publish"), 409, "box_replaced")
    body = {"box_id": box, "customer_id": customer.id}
    problem_of(house.post(provider, "/v1/licenses", body), 409, "box_replaced")
    assert house.get(provider, f"/v1/boxes/{box}").json()["published"] is False
    assert house.count(License, License.box_id == box) == 0


def test_a_box_whose_model_is_gone_cannot_have_a_new_key(house: House, provider: Person) -> None:
    box = house.box(provider)
    with house.runtime.database.transaction() as session:
        session.execute(
            update(Model).where(Model.id == session.get_one(Box, box).model_id).values(deleted_at=clock.now())
        )
    problem_of(house.post(provider, f"/v1/boxes/{box}/rekey"), 409, "box_source_deleted")
    assert house.count(Job, Job.replaces_box_id == box) == 0
