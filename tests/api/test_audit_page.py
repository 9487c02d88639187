"""The audit page of the dashboard: narrowed by its form, taken along with its button."""

from urllib.parse import urlsplit

import pytest
from fastapi.testclient import TestClient

from tests.api.seeding import House, Person
from tests.api.test_audit_export import act


@pytest.fixture
def visitor(house: House, provider: Person) -> TestClient:
    """A browser signed in as the provider."""
    client = TestClient(house.http.app, base_url="https://sdb.example", follow_redirects=False)
    link = house.post(provider, "/v1/login-links").json()["url"]
    assert client.post(urlsplit(link).path).status_code == 303
    return client


def test_the_page_shows_what_its_form_asks_for(house: House, provider: Person, visitor: TestClient) -> None:
    act(house, account_id=provider.id, object_id="box_shown")
    act(house, account_id=provider.id, object_id="box_other", action="box.unpublish", outcome="refused")

    page = visitor.get("/dashboard/audit?action=&object_id=box_shown&actor=&from=&to=").text

    assert 'title="box_shown"' in page
    assert 'title="box_other"' not in page
    assert 'value="box_shown"' in page
    assert "/dashboard/audit.csv?object_id=box_shown" in page
    assert '<span class="chip failed">refused</span>' in visitor.get("/dashboard/audit").text
    assert "Nothing fits these filters." in visitor.get("/dashboard/audit?actor=acc_none").text


def test_what_is_asked_for_cannot_leave_its_place_in_the_page(visitor: TestClient) -> None:
    page = visitor.get('/dashboard/audit?action="><script>alert(1)</script>').text

    assert "<script>alert" not in page


def test_a_filter_lasts_through_the_pages(house: House, provider: Person, visitor: TestClient) -> None:
    for _ in range(3):
        act(house, account_id=provider.id, object_id="box_paged")

    page = visitor.get("/dashboard/audit?object_id=box_paged&limit=2").text

    assert "/dashboard/audit?object_id=box_paged&amp;cursor=" in page


def test_the_button_saves_what_the_person_may_see(house: House, provider: Person, visitor: TestClient) -> None:
    act(house, account_id=provider.id, object_id="box_saved")
    act(house, account_id="acc_other", object_id="box_secret")

    saved = visitor.get("/dashboard/audit.csv")

    assert saved.headers["content-disposition"] == 'attachment; filename="audit.csv"'
    assert "box_saved" in saved.text
    assert "box_secret" not in saved.text
    visitor.cookies.clear()
    assert visitor.get("/dashboard/audit.csv").status_code == 401
