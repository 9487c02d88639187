"""The dashboard's page of tokens, and what its pages offer to whom."""

import re

import pytest

from sdb_service.tables import Token
from tests.api.seeding import House, Person

pytestmark = pytest.mark.trust


class Visitor:
    """Somebody signed in to the dashboard."""

    def __init__(self, house: House, who: Person) -> None:
        self.http = house.http
        link = house.post(who, "/v1/login-links").json()["url"]
        opened = self.http.post(link[link.index("/dashboard") :], follow_redirects=False)
        self.http.cookies.clear()
        self.cookie = {"Cookie": opened.headers["set-cookie"].partition(";")[0]}

    def page(self, path: str) -> str:
        answer = self.http.get(path, headers=self.cookie)
        assert answer.status_code == 200, answer.text
        return str(answer.text)

    def send(self, path: str, data: dict[str, object]) -> tuple[int, str]:
        csrf = re.search(r'name="csrf" value="([^"]+)"', self.page("/dashboard"))
        assert csrf is not None
        answer = self.http.post(path, data={"csrf": csrf[1]} | data, headers=self.cookie, follow_redirects=False)
        return answer.status_code, str(answer.text)


def test_a_token_made_on_the_page_is_shown_once_and_has_the_chosen_scopes(house: House, provider: Person) -> None:
    visitor = Visitor(house, provider)

    status, text = visitor.send("/dashboard/tokens", {"name": "a program", "scopes": ["models:read", "jobs:read"]})

    assert status == 200
    found = re.search(r"sdb_[a-z0-9]{46}", text)
    assert found is not None
    assert found[0] not in visitor.page("/dashboard/tokens")
    assert "jobs:read, models:read" in visitor.page("/dashboard/tokens")
    bearer = {"Authorization": f"Bearer {found[0]}"}
    assert [house.http.get(f"/v1/{kind}", headers=bearer).status_code for kind in ("models", "licenses")] == [200, 403]


def test_a_token_is_revoked_on_the_page(house: House, provider: Person) -> None:
    token = house.get(provider, "/v1/tokens").json()["data"][0]["id"]

    assert Visitor(house, provider).send(f"/dashboard/tokens/{token}/revoke", {})[0] == 303

    assert house.get(provider, "/v1/accounts/me").status_code == 401


def test_a_strangers_token_is_not_revoked_on_the_page(house: House, provider: Person, customer: Person) -> None:
    token = house.get(customer, "/v1/tokens").json()["data"][0]["id"]

    assert Visitor(house, provider).send(f"/dashboard/tokens/{token}/revoke", {})[0] == 404

    assert house.count(Token, Token.id == token, Token.revoked_at.is_(None)) == 1


@pytest.mark.parametrize(("role", "offered"), [("provider", "licenses:write"), ("customer", "keys:download")])
def test_the_form_offers_the_scopes_that_are_of_use(house: House, role: str, offered: str) -> None:
    page = Visitor(house, house.person(role)).page("/dashboard/tokens")  # type: ignore[arg-type]

    assert (f'value="{offered}"' in page, 'value="accounts:write"' in page) == (True, False)


def test_a_page_refuses_whom_the_policy_refuses(house: House, provider: Person, customer: Person) -> None:
    box = house.box(provider)
    held = house.license(provider, box, customer)
    visitor = Visitor(house, customer)

    granted = visitor.send(f"/dashboard/boxes/{box}/licenses", {"customer_id": customer.id})
    revoked = visitor.send(f"/dashboard/licenses/{held}/revoke", {})

    assert (granted[0], revoked[0]) == (403, 404)
    assert "This is for" in granted[1]
    assert house.get(customer, f"/v1/licenses/{held}").json()["state"] == "active"
