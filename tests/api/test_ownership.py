"""A stranger's object is not found: the same answer as for one that does not exist."""

import pytest

from sdb_service.tables import Account, Dataset, Job, Model, Upload
from tests.api import people
from tests.api.problems import problem_of
from tests.api.seeding import NOBODY, House, Person

EXPIRY = {"expires_at": None}
ROUTES: list[tuple[str, str, str, dict[str, object] | None]] = [
    ("upload", "GET", "/v1/uploads/{id}", None),
    ("upload", "PUT", "/v1/uploads/{id}/parts/1", None),
    ("upload", "POST", "/v1/uploads/{id}/complete", None),
    ("upload", "DELETE", "/v1/uploads/{id}", None),
    ("model", "GET", "/v1/models/{id}", None),
    ("model", "DELETE", "/v1/models/{id}", None),
    ("dataset", "GET", "/v1/datasets/{id}", None),
    ("dataset", "DELETE", "/v1/datasets/{id}", None),
    ("job", "GET", "/v1/jobs/{id}", None),
    ("job", "POST", "/v1/jobs/{id}/cancel", None),
    ("job", "GET", "/v1/jobs/{id}/events", None),
    ("job", "GET", "/v1/jobs/{id}/metrics", None),
    ("job", "GET", "/v1/jobs/{id}/report", None),
    ("job", "GET", "/v1/jobs/{id}/report.json", None),
    ("job", "GET", "/v1/jobs/{id}/report.html", None),
    ("box", "GET", "/v1/boxes/{id}", None),
    ("box", "POST", "/v1/boxes/{id}/publish", {}),
    ("box", "POST", "/v1/boxes/{id}/unpublish", None),
    ("box", "POST", "/v1/boxes/{id}/rekey", None),
    ("box", "GET", "/v1/boxes/{id}/checkpoint", None),
    ("box", "GET", "/v1/boxes/{id}/alarms", None),
    ("box", "POST", "/v1/boxes/{id}/predict", None),
    ("box", "POST", "/v1/boxes/{id}/trace", None),
    ("box", "GET", "/v2/models/{id}", None),
    ("box", "GET", "/v2/models/{id}/ready", None),
    ("box", "POST", "/v2/models/{id}/infer", None),
    ("box", "GET", "/v2/models/{id}/versions/1", None),
    ("box", "GET", "/v2/models/{id}/versions/1/ready", None),
    ("box", "POST", "/v2/models/{id}/versions/1/infer", None),
    ("license", "GET", "/v1/licenses/{id}", None),
    ("license", "GET", "/v1/licenses/{id}/key", None),
    ("license", "POST", "/v1/licenses/{id}/suspend", None),
    ("license", "POST", "/v1/licenses/{id}/reinstate", None),
    ("license", "POST", "/v1/licenses/{id}/renew", EXPIRY),
    ("license", "POST", "/v1/licenses/{id}/revoke", None),
    ("license", "POST", "/v1/licenses/{id}/transfer", {"customer_id": "acc_none"}),
    ("license", "GET", "/v1/licenses/{id}/validation", None),
    ("license", "GET", "/v1/licenses/{id}/file", None),
    ("webhook", "GET", "/v1/webhooks/{id}", None),
    ("webhook", "DELETE", "/v1/webhooks/{id}", None),
    ("webhook", "POST", "/v1/webhooks/{id}/enable", None),
    ("webhook", "POST", "/v1/webhooks/{id}/disable", None),
    ("webhook", "POST", "/v1/webhooks/{id}/test", None),
    ("webhook", "GET", "/v1/webhooks/{id}/deliveries", None),
    ("webhook", "POST", "/v1/webhooks/{id}/deliveries/msg_none/redeliver", None),
    ("account", "GET", "/v1/accounts/{id}", None),
    ("account", "GET", "/v1/accounts/{id}/quotas", None),
    ("token", "DELETE", "/v1/tokens/{id}", None),
    ("user", "GET", "/v1/users/{id}", None),
    ("user", "DELETE", "/v1/users/{id}", None),
    ("user", "POST", "/v1/users/{id}/rank", {"rank": "member"}),
    ("user", "POST", "/v1/users/{id}/password-reset", None),
    ("invitation", "DELETE", "/v1/invitations/{id}", None),
    ("account", "POST", "/v1/invitations", {"email": "x@example.org", "account_id": "{id}"}),
    ("box", "POST", "/v1/licenses", {"box_id": "{id}", "customer_id": "acc_none"}),
    ("upload", "POST", "/v1/datasets", {"name": "x", "upload_id": "{id}"}),
    ("model", "POST", "/v1/jobs", {"model_id": "{id}", "dataset_id": "{dataset}"}),
    ("dataset", "POST", "/v1/jobs", {"model_id": "{model}", "dataset_id": "{id}"}),
]
KINDS = {
    "upload": "upl",
    "model": "mdl",
    "dataset": "dst",
    "job": "job",
    "box": "box",
    "license": "lic",
    "webhook": "whk",
}


@pytest.fixture(scope="module")
def objects(house: House) -> dict[str, str]:
    """One object of each kind, of one provider."""
    owner, customer = house.person("provider"), house.person("customer")
    box = house.box(owner)
    found = {
        "upload": house.upload(owner, "x.zip"),
        "model": house.model(owner),
        "dataset": house.dataset(owner),
        "job": house.job(owner),
        "box": box,
        "license": house.license(owner, box, customer),
        "account": owner.id,
        "webhook": house.post(owner, "/v1/webhooks", {"url": "https://8.8.8.8/", "events": ["box.alarm"]}).json()["id"],
        "token": house.get(owner, "/v1/tokens").json()["data"][0]["id"],
        "user": people.add(house, owner).id,
        "invitation": house.post(owner, "/v1/invitations", {"email": "y@example.org"}).json()["id"],
    }
    for kind in (
        "upload",
        "model",
        "dataset",
        "job",
        "box",
        "license",
        "webhook",
        "account",
        "account",
        "user",
    ):  # they are there for their owner
        assert house.get(owner, f"/v1/{'boxe' if kind == 'box' else kind}s/{found[kind]}").status_code == 200
    return found


@pytest.mark.parametrize(("kind", "method", "path", "body"), ROUTES, ids=[f"{r[1]} {r[2]} {r[0]}" for r in ROUTES])
def test_a_stranger_hears_the_same_as_about_what_is_missing(
    house: House, objects: dict[str, str], kind: str, method: str, path: str, body: dict[str, object] | None
) -> None:
    stranger = house.person("provider")
    own = {"{model}": house.model(stranger), "{dataset}": house.dataset(stranger)} if path == "/v1/jobs" else {}

    def answer_about(object_id: str) -> tuple[object, ...]:
        filled = {k: own.get(str(v), object_id if v == "{id}" else v) for k, v in (body or {}).items()}
        answer = house.http.request(
            method, path.format(id=object_id), headers=stranger.headers, json=None if body is None else filled
        )
        found = problem_of(answer, 404, f"{kind}_not_found")
        headers = {name for name in answer.headers if "ratelimit" not in name}
        return headers, found.keys(), found["detail"].replace(object_id, "ID")

    assert answer_about(objects[kind]) == answer_about(f"{KINDS.get(kind, kind)}_none")


def test_every_route_with_an_id_is_in_the_list_above(house: House) -> None:
    known = {
        (method, path.replace("{id}", "").replace("/parts/1", "/parts/").replace("msg_none", ""))
        for _, method, path, _ in ROUTES
    }
    not_owned = {
        ("DELETE", "/v1/accounts/"),  # the admin's alone
        ("PATCH", "/v1/accounts/"),  # the admin's alone
        ("PATCH", "/v1/accounts//quotas"),  # the admin's alone
        ("POST", "/v1/users//totp-reset"),  # the admin's alone
        ("POST", "/v1/boxes//distill"),  # tests of its own: whoever holds no license is told so
    }
    found = {
        (method.upper(), "".join(part for part in _without_names(path)))
        for path, operations in house.get(NOBODY, "/openapi.json").json()["paths"].items()
        for method in operations
        if path.startswith(("/v1", "/v2")) and "{" in path
    }

    assert found - not_owned <= known


def _without_names(path: str) -> list[str]:
    return [piece.partition("}")[2] if "}" in piece else piece for piece in path.split("{")]


@pytest.mark.parametrize("kind", ["models", "datasets", "jobs", "boxes", "licenses", "webhooks", "audit"])
def test_a_stranger_sees_nothing_of_it_in_lists(house: House, objects: dict[str, str], kind: str) -> None:
    assert house.get(house.person("provider"), f"/v1/{kind}").json() == {"data": [], "next_cursor": None}


def test_one_sees_oneself_alone_in_the_list_of_accounts_and_the_admin_sees_all(
    house: House, admin: Person, provider: Person
) -> None:
    assert [found["id"] for found in house.get(provider, "/v1/accounts").json()["data"]] == [provider.id]
    newest = [found["id"] for found in house.get(admin, "/v1/accounts?limit=2").json()["data"]]
    assert newest == sorted([admin.id, provider.id], reverse=True)


def test_a_deleted_model_is_not_found_and_not_deleted_twice(house: House, provider: Person) -> None:
    path = f"/v1/models/{house.model(provider)}"
    assert house.http.delete(path, headers=provider.headers).status_code == 204

    problem_of(house.get(provider, path), 404, "model_not_found")
    problem_of(house.http.delete(path, headers=provider.headers), 404, "model_not_found")
    assert house.get(provider, "/v1/models").json()["data"] == []


@pytest.mark.parametrize("kind", ["uploads", "models", "datasets", "jobs"])
def test_customers_make_nothing(house: House, provider: Person, customer: Person, kind: str) -> None:
    bodies = {
        "uploads": {"filename": "x.zip", "size": 3, "sha256": "0" * 64},
        "models": {"name": "m", "architecture": "sdb:cnn-mini", "num_classes": 2, "upload_id": house.upload(provider)}
        | {"input": {"channels": 1, "height": 8, "width": 8, "mean": [0.5], "std": [0.5]}},
        "datasets": {"name": "d", "builtin": "builtin:digits"},
        "jobs": {"model_id": house.model(provider), "dataset_id": house.dataset(provider)},
    }
    problem_of(house.post(customer, f"/v1/{kind}", bodies[kind]), 403, "role_not_allowed")
    for table in (Upload, Model, Dataset, Job):
        assert house.count(table, table.account_id == customer.id) == 0


@pytest.mark.parametrize("role", ["provider", "customer"])
def test_only_an_admin_opens_and_closes_accounts(house: House, role: str) -> None:
    who, victim = house.person(role), house.person("customer")  # type: ignore[arg-type]
    body = {"name": "a new admin", "role": "admin"}

    problem_of(house.post(who, "/v1/accounts", body), 403, "role_not_allowed")
    problem_of(house.http.delete(f"/v1/accounts/{victim.id}", headers=who.headers), 403, "role_not_allowed")
    assert house.count(Account, Account.name == "a new admin") == 0
    assert house.get(victim, "/v1/accounts/me").status_code == 200


def test_an_admin_cannot_lock_themselves_out(house: House, admin: Person) -> None:
    answer = house.http.delete(f"/v1/accounts/{admin.id}", headers=admin.headers)

    problem_of(answer, 409, "account_is_yours")


def test_a_customer_changes_nothing_about_the_license_they_hold(
    house: House, provider: Person, customer: Person
) -> None:
    held = house.license(provider, house.box(provider), customer)

    for act, body in (("suspend", None), ("revoke", None), ("reinstate", None), ("renew", EXPIRY)):
        problem_of(house.post(customer, f"/v1/licenses/{held}/{act}", body), 404, "license_not_found")
    assert house.get(customer, f"/v1/licenses/{held}").json()["state"] == "active"


def test_a_license_shows_its_customer_the_box_as_the_public_sees_it(
    house: House, provider: Person, customer: Person
) -> None:
    box = house.box(provider)
    house.license(provider, box, customer)

    found = house.get(customer, f"/v1/boxes/{box}").json()

    assert found["id"] == box
    assert not set(found) & {"job_id", "model_id", "architecture", "policy", "checkpoint_sha256"}


def test_weights_go_to_the_owner_and_to_the_licensed_alone(house: House, provider: Person, customer: Person) -> None:
    box = house.box(provider, published=True)
    path = f"/v1/boxes/{box}/checkpoint"
    problem_of(house.get(NOBODY, path), 401, "token_missing")
    problem_of(house.get(customer, path), 404, "box_not_found")
    held = house.license(provider, box, customer)
    assert house.get(customer, path).content == b"weights"
    assert house.get(provider, f"{path}?format=onnx").content == house.network.content
    house.post(provider, f"/v1/licenses/{held}/suspend")
    problem_of(house.get(customer, path), 404, "box_not_found")
