"""Re-keying: a new key for a box, and everybody who is licensed moved to it, all at once."""

import json

import pytest
from safetensors.numpy import load
from sqlalchemy import update

from sdb_service.lifecycle import JOBS
from sdb_service.tables import Job, License
from tests.api.problems import problem_of
from tests.api.rekeyings import finished, licensed, listen, rekeyed, told_to
from tests.api.seeding import House, Person
from tests.api.test_traced_keys import key_of, licenses, named, trace, wide_box

pytestmark = pytest.mark.trust


def test_the_job_of_a_rekeying_is_the_old_one_again_with_a_box_of_its_own(house: House, provider: Person) -> None:
    box = house.box(provider)
    asked = house.post(provider, f"/v1/boxes/{box}/rekey")
    job = asked.json()
    assert (asked.status_code, asked.headers["location"]) == (202, f"/v1/jobs/{job['id']}")
    assert (job["state"], job["replaces_box_id"]) == ("queued", box)
    old = house.get(provider, f"/v1/jobs/{house.get(provider, f'/v1/boxes/{box}').json()['job_id']}").json()
    same = ("model_id", "dataset_id", "policy", "config", "precision", "seed")
    assert [job[name] for name in same] == [old[name] for name in same]
    with house.runtime.database.reading() as session:
        assert session.get_one(Job, job["id"]).box_id != box


def test_publication_and_licenses_move_to_the_new_box_and_revoked_ones_do_not(each_house: House) -> None:
    house, provider = each_house, each_house.person("provider")
    box = house.box(provider, published=True, outputs=["labels"], top_k=3)
    holder, active = licensed(house, provider, box, max_downloads=3, expires_at="2100-01-01T00:00:00Z")
    _, hosted = licensed(house, provider, box, mode="hosted", max_predictions=50, images_per_minute=7)
    thief, revoked = licensed(house, provider, box)
    old_key = load(house.get(holder, f"/v1/licenses/{active}/key").content)["kappa"]
    house.post(provider, f"/v1/licenses/{hosted}/suspend")
    house.post(provider, f"/v1/licenses/{revoked}/revoke")
    with house.runtime.database.transaction() as session:
        session.execute(update(License).where(License.id == hosted).values(predictions=20))

    _, new = rekeyed(house, provider, box)

    shown = house.get(provider, f"/v1/boxes/{new}").json()
    assert (shown["published"], shown["outputs"], shown["top_k"], shown["replaces_box_id"]) == (
        True,
        ["labels"],
        3,
        box,
    )
    assert house.get(provider, f"/v1/boxes/{box}").json()["replaced_by"] == new
    problem_of(house.post(thief, f"/v1/boxes/{box}/predict"), 404, "box_not_found")
    found = {row["id"]: row for row in house.get(provider, "/v1/licenses").json()["data"]}
    successor, second = (found[found[each]["replaced_by"]] for each in (active, hosted))
    assert [found[each]["reason"] for each in (active, hosted)] == ["license_replaced"] * 2
    assert (found[revoked]["reason"], found[revoked]["replaced_by"]) == ("license_revoked", None)
    assert len(found) == 5
    terms = ("customer_id", "mode", "expires_at", "max_downloads", "max_predictions", "images_per_minute")
    assert [successor[name] for name in terms] == [found[active][name] for name in terms]
    assert [second[name] for name in terms] == [found[hosted][name] for name in terms]
    assert (successor["state"], successor["downloads"], successor["box_id"]) == ("active", 0, new)
    assert (second["state"], second["predictions"], second["replaces_license_id"]) == ("suspended", 20, hosted)

    problem_of(house.get(holder, f"/v1/licenses/{active}/key"), 403, "license_replaced")
    new_key = load(house.get(holder, f"/v1/licenses/{successor['id']}/key").content)["kappa"]
    assert not (old_key == new_key).any()
    assert house.get(thief, f"/v1/boxes/{new}/checkpoint").status_code == 404


def test_a_private_box_stays_private_under_its_new_key(house: House, provider: Person) -> None:
    _, new = rekeyed(house, provider, house.box(provider))
    assert house.get(provider, f"/v1/boxes/{new}").json()["published"] is False


def test_a_key_of_before_is_still_traced_to_its_license(house: House, provider: Person) -> None:
    box = wide_box(house, provider)
    held = licenses(house, provider, box, 2)
    keys = [key_of(house, who, license_id) for license_id, who in held]
    rekeyed(house, provider, box)
    assert [named(trace(house, provider, box, key)) for key in keys] == [[license_id] for license_id, _ in held]


def test_each_customer_is_told_of_their_own_license_and_of_nobody_elses(house: House, provider: Person) -> None:
    box = house.box(provider)
    one, first = licensed(house, provider, box)
    other, second = licensed(house, provider, box)
    thief, revoked = licensed(house, provider, box)
    house.post(provider, f"/v1/licenses/{revoked}/revoke")
    for who in (provider, one, other, thief):
        listen(house, who, "license.grant", "license.revoke", "box.rekey", "job.succeeded", "box.make")
    job, new = rekeyed(house, provider, box)
    told = told_to(house, one)
    assert sorted(each["type"] for each in told) == ["box.rekey", "license.grant", "license.revoke"]
    by_type = {each["type"]: each["data"] for each in told}
    assert by_type["license.revoke"]["id"] == first
    assert by_type["license.revoke"]["reason"] == "license_replaced"
    assert by_type["license.grant"]["replaces_license_id"] == first
    assert by_type["box.rekey"] == {"id": box, "object": "box", "replaced_by": new}
    assert second not in json.dumps(told)
    assert other.id not in json.dumps(told)
    assert told_to(house, thief) == []
    own = [each["type"] for each in told_to(house, provider)]
    assert sorted(own) == ["box.make", "box.rekey", "job.succeeded", *["license.grant"] * 2, *["license.revoke"] * 2]
    acts = [event["action"] for event in house.get(provider, "/v1/audit?limit=200").json()["data"]]
    assert acts.count("box.rekey") == 1
    assert job


def test_the_admin_may_and_a_licensed_customer_may_not(house: House, provider: Person, admin: Person) -> None:
    box = house.box(provider)
    customer, _ = licensed(house, provider, box)
    problem_of(house.post(customer, f"/v1/boxes/{box}/rekey"), 404, "box_not_found")
    job = house.post(admin, f"/v1/boxes/{box}/rekey").json()["id"]
    new = finished(house, job)
    assert house.get(provider, f"/v1/boxes/{new}").json()["replaces_box_id"] == box
    assert JOBS.done == house.get(provider, f"/v1/jobs/{job}").json()["state"]
