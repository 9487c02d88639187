"""Pages of licenses: what a license gives now, and the forms of whoever gave it."""

import html
import re
from collections.abc import Callable

import httpx2
import pytest
from starlette.testclient import TestClient

from api.app import create_app
from sdb_client.license_files import verify
from sdb_service import clock, identity
from sdb_service.tables import License
from tests.browser import rows, seeds
from tests.browser.conftest import Site

Visit = Callable[[str], TestClient]


@pytest.fixture(scope="module")
def visit(site: Site) -> Visit:
    """A program signed in as one of the seeded people."""

    def sign_in(name: str) -> TestClient:
        client = TestClient(create_app(site.runtime), base_url=site.url, follow_redirects=False)
        assert client.post(seeds.login_link(site.runtime, site.house.ids[name])).status_code == 303
        return client

    return sign_in


def granted(site: Site, **terms: object) -> str:
    with site.runtime.database.transaction() as session:
        return rows.add_license(session, site.house.box, site.house.eve, **{"mode": "delivered", **terms})


def send(visitor: TestClient, license_id: str, act: str, **fields: str) -> httpx2.Response:
    path = f"/dashboard/licenses/{license_id}"
    (token, *_) = re.findall(r'name="csrf" value="([^"]+)"', visitor.get(path).text)
    return visitor.post(f"{path}/{act}", data={"csrf": token} | fields)


def test_a_license_shows_its_state_its_terms_and_the_reason_for_each_thing_it_gives(site: Site, visit: Visit) -> None:
    held = granted(site, entitlements="key:download distill", valid_for_days=9, max_downloads=1, downloads=1)

    page = visit("ada").get(f"/dashboard/licenses/{held}").text

    for shown in ("license_valid", "license_downloads_used_up", "license_not_entitled", "9 days after its first use"):
        assert shown in page
    assert "not yet" in page
    assert site.runtime.signing.public_key_text in html.unescape(page)
    assert "9 days after its first use" in visit("ada").get("/dashboard/licenses").text


def test_only_whoever_gave_a_license_sees_its_forms_and_a_stranger_sees_nothing(site: Site, visit: Visit) -> None:
    path = f"/dashboard/licenses/{granted(site)}"

    assert 'id="transfer"' in visit("ada").get(path).text
    holder = visit("eve").get(path).text
    assert "Download key" in holder
    assert 'id="transfer"' not in holder
    assert "/revoke" not in holder
    assert visit("bob").get(path).status_code == 404


def test_a_license_is_renewed_and_transferred_by_forms(site: Site, visit: Visit) -> None:
    held, ada = granted(site, expires_at=clock.after(-5)), visit("ada")
    with site.runtime.database.transaction() as session:
        other = identity.create_account(session, "mallory", role="customer").id
    assert "license_expired" in ada.get(f"/dashboard/licenses/{held}").text

    renewed = send(ada, held, "renew", until="2099-12-31")
    moved = send(ada, held, "transfer", customer_id=other)

    assert (renewed.status_code, moved.status_code) == (303, 303)
    assert moved.headers["location"] == f"/dashboard/licenses/{held}?done=transferred"
    assert "License transferred" in ada.get(moved.headers["location"]).text
    with site.runtime.database.reading() as session:
        found = session.get_one(License, held)
    assert found.customer_id == other
    assert found.expires_at is not None
    assert found.expires_at.isoformat().startswith("2099-12-31T23:59:59")
    assert visit("eve").get(f"/dashboard/licenses/{held}").status_code == 404
    assert send(ada, held, "renew", until="").status_code == 303
    with site.runtime.database.reading() as session:
        assert session.get_one(License, held).expires_at is None


@pytest.mark.parametrize(("on", "to"), [("page", "/{held}"), ("list", "")])
def test_an_act_comes_back_to_where_its_form_stands(site: Site, visit: Visit, on: str, to: str) -> None:
    held = granted(site)

    answer = send(visit("ada"), held, "suspend", on=on)

    assert answer.headers["location"] == f"/dashboard/licenses{to.format(held=held)}?done=suspended"


def test_the_file_of_a_license_is_the_signed_one(site: Site, visit: Visit) -> None:
    held = granted(site)

    answer = send(visit("eve"), held, "file")

    assert answer.headers["content-disposition"] == f'attachment; filename="{held}.sdb-license"'
    assert verify(answer.content, public_key=site.runtime.signing.public_key_text).license_id == held


@pytest.mark.parametrize(
    ("form", "mode", "kept"),
    [
        (["key:download", "distill", "box:download"], "hosted", "distill"),
        (["key:download"], "delivered", "key:download"),
        (["box:download"], "hosted", None),
    ],
)
def test_the_form_grants_what_is_ticked_and_its_mode_can_give(
    site: Site, visit: Visit, form: list[str], mode: str, kept: str | None
) -> None:
    ada, path = visit("ada"), f"/dashboard/boxes/{site.house.box}"
    (token, *_) = re.findall(r'name="csrf" value="([^"]+)"', ada.get(path).text)
    fields = {"csrf": token, "customer_id": site.house.eve, "mode": mode, "entitlements": form, "valid_for_days": "30"}

    answer = ada.post(f"{path}/licenses", data=fields)

    if kept is None:
        assert answer.status_code == 422
        assert "entitlements_missing" in answer.text
        return
    assert answer.status_code == 303
    with site.runtime.database.reading() as session:
        newest = session.query(License).order_by(License.id.desc()).first()
    assert newest is not None
    assert (newest.entitlements, newest.valid_for_days) == (kept, 30)
