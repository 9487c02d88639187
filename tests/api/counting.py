"""What an account uses, as the API tells it, and limits an admin chooses for it."""

from typing import Any

from tests.api.seeding import House, Person


def use_of(house: House, who: Person, resource: str) -> tuple[int, int]:
    """Used and reserved."""
    found = next(one for one in usage_of(house, who) if one["resource"] == resource)
    return found["used"], found["reserved"]


def usage_of(house: House, who: Person) -> list[dict[str, Any]]:
    answer = house.get(who, "/v1/usage")
    assert answer.status_code == 200, answer.text
    quotas: list[dict[str, Any]] = answer.json()["quotas"]
    return quotas


def limit(house: House, admin: Person, who: Person, **limits: int | None) -> None:
    """Let an admin choose limits for an account."""
    answer = house.http.patch(f"/v1/accounts/{who.id}/quotas", json=limits, headers=admin.headers)
    assert answer.status_code == 200, answer.text
