"""What needs no browser: escaping, headers, refusals, and the shaping of what charts show."""

import json
import re
from pathlib import Path

import orjson
import pytest
from jsonschema import Draft202012Validator
from starlette.testclient import TestClient

from api.app import create_app
from api.dashboard import curves, evidence
from sdb_service.tables import Alarm, Box, JobEvent
from tests.browser import rows, seeds
from tests.browser.conftest import Site
from tests.core.reports import served_in_int8

# By its path: importing sdb_core costs seconds of torch.
SCHEMA = Path(__file__).parents[2] / "sdb_core" / "report.schema.json"


@pytest.fixture(scope="module")
def visitor(site: Site) -> TestClient:
    """A program signed in as ada."""
    client = TestClient(create_app(site.runtime), base_url=site.url, follow_redirects=False)
    answer = client.post(seeds.login_link(site.runtime, site.house.ada))
    assert answer.status_code == 303
    return client


def test_the_seeded_report_is_one_as_the_method_publishes_it() -> None:
    Draft202012Validator(json.loads(SCHEMA.read_text())).validate(seeds.report())


def test_the_page_of_a_box_in_int8_says_what_that_changes(visitor: TestClient, site: Site) -> None:
    page = visitor.get(f"/dashboard/boxes/{site.house.box}").text
    assert "Served in int8" not in page
    key = "jobs/finished/1/report.json"
    before = b"".join(site.runtime.storage.read(key))
    try:
        site.runtime.storage.put_bytes(key, orjson.dumps(served_in_int8(seeds.report())))
        page = visitor.get(f"/dashboard/boxes/{site.house.box}").text
    finally:
        site.runtime.storage.put_bytes(key, before)
    assert "Served in int8: accuracy 98.1 → 97.9 without the key, 98.6 → 98.5 with it." in page


@pytest.mark.parametrize("told", [None, [], {}, {"precision": "int8"}, {"precision": "int8", "accuracy": {"int8": 3}}])
def test_a_part_on_serving_that_is_odd_is_not_shown(told: object) -> None:
    assert evidence.serving({"serving": told}) is None


@pytest.mark.parametrize("path", ["/jobs", "/models"])
def test_a_name_that_is_a_script_is_shown_and_not_run(visitor: TestClient, path: str) -> None:
    page = visitor.get(f"/dashboard{path}").text
    assert "&lt;script&gt;alert" in page
    assert "<script>alert" not in page


def test_a_stage_that_is_a_script_stays_inside_its_json(visitor: TestClient, site: Site) -> None:
    with site.runtime.database.transaction() as session:
        job_id = rows.add_job(session, site.house.ada, site.house.model, site.house.dataset, state="cancelled")
        rows.add_metrics(session, job_id, steps=range(3), stage="</script><script>alert(1)</script>")
    page = visitor.get(f"/dashboard/jobs/{job_id}").text
    assert "<script>alert" not in page
    block = re.search(r'id="drawn">(.*?)</script>', page, re.DOTALL)
    assert block is not None
    assert json.loads(block[1])["order"] == ["</script><script>alert(1)</script>"]


def test_pages_allow_no_scripts_but_our_own_and_are_not_stored(visitor: TestClient) -> None:
    headers = visitor.get("/dashboard").headers
    assert "script-src 'self';" in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"
    assert headers["x-frame-options"] == "DENY"


def test_no_page_carries_an_inline_script_or_handler(visitor: TestClient, site: Site) -> None:
    for path in ("", f"/jobs/{site.house.finished}", f"/boxes/{site.house.box}", "/licenses"):
        page = visitor.get(f"/dashboard{path}").text
        assert not re.search(r"<script(?![^>]*(src=|application/json))|\son\w+=|javascript:", page), path


def test_the_page_of_a_box_says_whether_its_keys_can_be_traced(visitor: TestClient, site: Site) -> None:
    path = f"/dashboard/boxes/{site.house.box}"
    assert "cannot be traced" in visitor.get(path).text
    with site.runtime.database.transaction() as session:
        box = session.get_one(Box, site.house.box)
        before = box.input
        box.input = before | {"channels": 3, "height": 32, "width": 32}
    page = visitor.get(path).text
    with site.runtime.database.transaction() as session:
        session.get_one(Box, site.house.box).input = before
    assert f"sdb licenses trace FILE --box {site.house.box}" in page
    assert "1e-06" in page


def test_the_page_of_a_box_shows_its_alarms_and_what_to_draw(visitor: TestClient, site: Site) -> None:
    path = f"/dashboard/boxes/{site.house.box}"
    assert "Nobody has asked like somebody who copies" in visitor.get(path).text
    with site.runtime.database.transaction() as session:
        raised = [
            rows.add_alarm(session, site.house.box),
            rows.add_alarm(session, site.house.box, kind="volume", value=1900.0, threshold=1437.0),
            rows.add_alarm(session, site.house.box, network=None, caller_id=site.house.eve),
        ]

    page = visitor.get(path).text
    with site.runtime.database.transaction() as session:
        for alarm in raised:
            session.delete(session.get_one(Alarm, alarm))

    section = re.search(r'<section class="card" id="alarms">.*?</section>', page, re.DOTALL)
    assert section is not None
    text = section[0]
    for shown in ("203.0.113.0/24", "hardly different from earlier ones", "0.46", "1,437", "2,400", "25 %", "0.71"):
        assert shown in text
    assert f"sdb boxes alarms {site.house.box}" in text
    drawn = json.loads(re.findall(r'id="drawn-alarms">(.*?)</script>', text, re.DOTALL)[0])
    assert drawn["near"] == 0.125
    assert [caller["images"][0] for caller in drawn["callers"]] == [230, 230]


def test_plotly_comes_from_the_installed_package_and_may_be_kept(visitor: TestClient) -> None:
    answer = visitor.get("/dashboard/static/plotly.min.js")
    assert "plotly.js v" in answer.text[:100]
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-encoding"] == "gzip"


@pytest.mark.parametrize(
    "address", ["/dashboard/static/../boxes.py", "/dashboard/static/nothing.js", "/dashboard/nothing"]
)
def test_what_is_not_there_is_a_page_that_says_so(visitor: TestClient, address: str) -> None:
    answer = visitor.get(address)
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize(
    "act",
    [
        "logout",
        "boxes/{box}/publish",
        "boxes/{box}/unpublish",
        "boxes/{box}/licenses",
        "jobs/{running}/cancel",
        "licenses/{license}/revoke",
        "licenses/{license}/key",
        "licenses/{license}/file",
        "licenses/{license}/renew",
        "licenses/{license}/transfer",
    ],
)
def test_every_form_wants_its_token(visitor: TestClient, site: Site, act: str) -> None:
    answer = visitor.post(
        f"/dashboard/{act.format(**site.house.ids)}", data={"customer_id": site.house.eve, "outputs": "labels"}
    )
    assert answer.status_code == 403
    assert "csrf_invalid" in answer.text


@pytest.mark.parametrize("path", ["/dashboard/logout", "/dashboard/login/link_any"])
def test_a_form_sent_by_another_site_is_refused(visitor: TestClient, path: str) -> None:
    answer = visitor.post(path, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert "form_from_elsewhere" in answer.text


def test_the_cookie_is_sent_over_https_alone_where_the_service_is(site: Site) -> None:
    secure = site.runtime.settings.model_copy(update={"public_url": "https://sdb.example"})
    runtime = type(site.runtime)(**{**vars(site.runtime), "settings": secure})
    answer = TestClient(create_app(runtime)).post(seeds.login_link(runtime, site.house.ada), follow_redirects=False)
    assert "Secure" in answer.headers["set-cookie"]
    assert answer.headers["set-cookie"].startswith("__Host-sdb_session=")
    assert "Path=/;" in answer.headers["set-cookie"]


def test_a_strangers_event_stream_is_not_found(visitor: TestClient, site: Site) -> None:
    assert visitor.get(f"/dashboard/jobs/{site.house.strangers_job}/events").status_code == 404


def test_long_curves_are_thinned_to_their_first_and_last_points() -> None:
    events = [
        JobEvent(data={"stage": "wrap", "step": step, "values": {"loss": 1.0 / (step + 1)}}) for step in range(5000)
    ]
    line = curves.curves(events)["wrap"]["loss"]
    assert len(line["steps"]) <= curves.MOST_POINTS + 1
    assert (line["steps"][0], line["steps"][-1]) == (0, 4999)


def test_an_older_report_with_missing_and_odd_parts_is_still_a_page(visitor: TestClient, site: Site) -> None:
    odd = {"schema": "sdb-accuracy/1", "accuracy": {"original": {"mean": 98.0, "std": 0, "seeds": 1}, "closed": None}}
    with site.runtime.database.transaction() as session:
        house = site.house
        job_id = rows.add_job(
            session, house.ada, house.model, house.dataset, state="succeeded", report_key="jobs/old/1/report.json"
        )
    site.runtime.storage.put_bytes("jobs/old/1/report.json", json.dumps(odd).encode())
    page = visitor.get(f"/dashboard/jobs/{job_id}/report").text
    assert "98.0" in page
    assert "No attacks were run" in page
    odd |= {"soft_labels": [None, {"original": [1], "closed": [], "open": [1]}], "attacks": [None, {"name": "x"}]}
    drawn = evidence.charts(odd, ["a"])
    assert drawn == {"students": [], "soft_labels": [], "attacks": {"limit": None, "groups": []}}


def test_the_report_is_served_where_no_script_may_run(visitor: TestClient, site: Site) -> None:
    answer = visitor.get(f"/dashboard/jobs/{site.house.finished}/report")
    assert answer.headers["content-security-policy"] == (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"
    )
    assert "<figure>" in answer.text
    assert site.house.finished in answer.text
