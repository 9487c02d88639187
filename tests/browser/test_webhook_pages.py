"""The pages of webhooks and of re-keying, as text: what they show, once, and which forms want their token."""

import re

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from api.app import create_app
from sdb_service import clock
from sdb_service.tables import Box, Job, Webhook, WebhookDelivery
from tests.browser import seeds
from tests.browser.conftest import Site

pytestmark = pytest.mark.trust

URL = "https://8.8.8.8/hook?<b>"


def signed_in(site: Site, name: str) -> TestClient:
    client = TestClient(create_app(site.runtime), base_url=site.url, follow_redirects=False)
    assert client.post(seeds.login_link(site.runtime, site.house.ids[name])).status_code == 303
    return client


@pytest.fixture(scope="module")
def visitor(site: Site) -> TestClient:
    return signed_in(site, "ada")


def csrf(visitor: TestClient) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', visitor.get("/dashboard/webhooks").text)
    assert found is not None
    return found[1]


def made(visitor: TestClient) -> tuple[str, str]:
    """A new webhook of the visitor: its id, and the page that shows its secret."""
    form = {"csrf": csrf(visitor), "url": URL, "events": ["license.revoke", "box.rekey"], "description": "<i>mine"}
    answer = visitor.post("/dashboard/webhooks", data=form)
    assert answer.status_code == 200, answer.text
    found = re.search(r"/dashboard/webhooks/(whk_\w+)", answer.text)
    assert found is not None
    return found[1], answer.text


def test_a_webhook_is_made_and_its_secret_shown_once(visitor: TestClient) -> None:
    webhook, page = made(visitor)
    secret = re.search(r"whsec_[A-Za-z0-9+/=]+", page.replace("&#43;", "+").replace("&#39;", "'"))
    assert secret is not None
    later = visitor.get(f"/dashboard/webhooks/{webhook}").text + visitor.get("/dashboard/webhooks").text
    assert "whsec_" not in later
    assert "&lt;i&gt;mine" in later
    assert "hook?<b>" not in later
    assert "hook?&lt;b&gt;" in later


def test_it_is_disabled_enabled_tried_and_deleted_by_forms(visitor: TestClient, site: Site) -> None:
    webhook, _ = made(visitor)
    token = csrf(visitor)
    path = f"/dashboard/webhooks/{webhook}"
    for act, state in (("disable", "disabled"), ("enable", "enabled"), ("test", "enabled")):
        answer = visitor.post(f"{path}/{act}", data={"csrf": token})
        assert answer.status_code == 303, answer.text
        with site.runtime.database.reading() as session:
            assert session.get_one(Webhook, webhook).state == state
    page = visitor.get(path).text
    assert "webhook.test" in page
    assert 'class="chip waiting"' in page
    with site.runtime.database.transaction() as session:
        row = session.execute(select(WebhookDelivery).where(WebhookDelivery.webhook_id == webhook)).scalar_one()
        row.state, row.status, row.error, row.tried_at = "failed", 500, "status_not_2xx", clock.now()
        row.answer = "<script>alert(1)</script>"
    page = visitor.get(path).text
    assert "status_not_2xx" in page
    assert "<script>alert" not in page
    assert visitor.post(f"{path}/deliveries/{row.id}/redeliver", data={"csrf": token}).status_code == 303
    assert visitor.post(f"{path}/delete", data={"csrf": token}).status_code == 303
    assert visitor.get(path).status_code == 404


@pytest.mark.parametrize("url", ["https://127.0.0.1/", "http://8.8.8.8/", "https://8.8.8.8:22/"])
def test_an_address_that_leads_inside_is_refused_on_a_page(visitor: TestClient, url: str) -> None:
    form = {"csrf": csrf(visitor), "url": url, "events": ["box.make"]}
    answer = visitor.post("/dashboard/webhooks", data=form)
    assert (answer.status_code, "webhook_" in answer.text) == (422, True)


def test_an_odd_form_is_refused_and_breaks_nothing(visitor: TestClient) -> None:
    token = csrf(visitor)
    for form in (
        {"url": URL},
        {"url": URL, "events": "no.event"},
        {"url": URL, "events": "box.make", "description": "\x01"},
    ):
        assert visitor.post("/dashboard/webhooks", data=form | {"csrf": token}).status_code == 422


def test_a_strangers_webhook_has_no_page(visitor: TestClient, site: Site) -> None:
    webhook, _ = made(visitor)
    stranger = signed_in(site, "bob")
    assert stranger.get(f"/dashboard/webhooks/{webhook}").status_code == 404
    assert webhook not in stranger.get("/dashboard/webhooks").text
    for act in ("disable", "delete", "test"):
        answer = stranger.post(f"/dashboard/webhooks/{webhook}/{act}", data={"csrf": csrf(stranger)})
        assert answer.status_code == 404


@pytest.mark.parametrize(
    "act", ["webhooks", "webhooks/{webhook}/disable", "webhooks/{webhook}/delete", "webhooks/{webhook}/test",
            "webhooks/{webhook}/deliveries/msg_1/redeliver", "boxes/{box}/rekey"],
)  # fmt: skip
def test_every_form_wants_its_token(visitor: TestClient, site: Site, act: str) -> None:
    webhook, _ = made(visitor)
    path = f"/dashboard/{act.format(**site.house.ids, webhook=webhook)}"
    answer = visitor.post(path, data={"url": URL, "events": "box.make"})
    assert (answer.status_code, "csrf_invalid" in answer.text) == (403, True)


def test_the_pages_carry_no_inline_script_or_handler(visitor: TestClient, site: Site) -> None:
    webhook, page = made(visitor)
    pages = [page, *(visitor.get(f"/dashboard/{each}").text for each in ("webhooks", f"webhooks/{webhook}"))]
    pages.append(visitor.get(f"/dashboard/boxes/{site.house.box}").text)
    for text in pages:
        assert not re.search(r"<script(?![^>]*(src=|application/json))|\son\w+=|javascript:", text)


def test_the_page_of_a_box_says_what_revoking_cannot_take_back_and_starts_a_rekeying(
    visitor: TestClient, site: Site
) -> None:
    path = f"/dashboard/boxes/{site.house.box}"
    assert "It cannot take back a key that was delivered" in visitor.get(path).text
    answer = visitor.post(f"{path}/rekey", data={"csrf": csrf(visitor)})
    assert answer.status_code == 303
    job_id = answer.headers["location"].rpartition("/")[2]
    with site.runtime.database.transaction() as session:
        job = session.get_one(Job, job_id)
        assert job.replaces_box_id == site.house.box
        session.delete(job)
        session.get_one(Box, site.house.box).replaced_by = "box_of_another_key"
    page = visitor.get(path).text
    with site.runtime.database.transaction() as session:
        session.get_one(Box, site.house.box).replaced_by = None
    assert "This box was replaced by" in page
    assert "Make a new key" not in page
