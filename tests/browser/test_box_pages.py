"""A box: its evidence, its publication, its licenses, and the customer's side."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from safetensors.numpy import load

from sdb_service.tables import Alarm, AuditEvent, Box, Job, License
from tests.browser import rows
from tests.browser.conftest import Site

pytestmark = pytest.mark.browser
PageOf = Callable[[str, str], Page]


@pytest.fixture
def box_page(page_of, site: Site) -> Page:
    return page_of("ada", f"/boxes/{site.house.box}")


def test_the_evidence_is_shown_and_the_charts_are_drawn(box_page: Page) -> None:
    row = box_page.locator(".evidence tr", has_text="distilled from the box, without the key")
    expect(row).to_contain_text("71.4 ± 4.2")
    expect(box_page.locator(".verdict.pass")).to_have_count(3)
    expect(box_page.locator(".verdict.fail")).to_contain_text("robustness")
    expect(box_page.locator(".attacks tbody tr:not(.group)")).to_have_count(9)
    expect(box_page.locator("#attacks .js-plotly-plot .scatterlayer .point")).to_have_count(9)
    expect(box_page.locator(".comparison")).to_contain_text("93.9 ± 0.8")
    expect(box_page.locator("#students svg .bars .point")).to_have_count(6)
    expect(box_page.locator("#students svg .errorbar")).to_have_count(6)
    expect(box_page.locator("#soft-labels .js-plotly-plot")).to_have_count(6)
    expect(box_page.locator("#soft-labels .js-plotly-plot").first.locator(".bars .point")).to_have_count(30)


def test_the_publish_form_changes_the_box_and_unpublish_takes_it_back(box_page: Page, site: Site) -> None:
    form = box_page.locator("#publication")
    form.get_by_label("probs").uncheck()
    form.get_by_label("Top classes shown").fill("3")
    form.get_by_role("button", name="Publish").click()
    expect(box_page.get_by_role("status")).to_contain_text("Published")
    with site.runtime.database.reading() as session:
        box = session.get_one(Box, site.house.box)
        assert (box.outputs, box.top_k, box.published_at is not None) == (["labels"], 3, True)
    box_page.once("dialog", lambda dialog: dialog.accept())
    box_page.locator("#publication").get_by_role("button", name="Unpublish").click()
    expect(box_page.get_by_role("status")).to_contain_text("Unpublished")
    with site.runtime.database.reading() as session:
        assert session.get_one(Box, site.house.box).published_at is None


def test_publishing_no_output_is_refused_with_a_way_back(box_page: Page) -> None:
    form = box_page.locator("#publication")
    for box in form.get_by_role("checkbox").all():
        box.uncheck()
    form.get_by_role("button", name="Publish").click()
    expect(box_page.locator("main")).to_contain_text("Choose at least one output")
    box_page.get_by_role("link", name="Go back").click()
    expect(box_page.locator("#publication")).to_be_visible()


def test_a_form_without_its_token_is_refused(box_page: Page, site: Site) -> None:
    box_page.locator("#publication input[name=csrf]").first.evaluate("field => field.remove()")
    box_page.locator("#publication").get_by_role("button", name="Publish").click()
    expect(box_page.get_by_role("heading", name="Not allowed")).to_be_visible()
    expect(box_page.locator("main")).to_contain_text("csrf_invalid")
    with site.runtime.database.reading() as session:
        assert session.get_one(Box, site.house.box).published_at is None


def test_a_license_is_granted_suspended_and_reinstated(box_page: Page, site: Site) -> None:
    form = box_page.locator("#licenses")
    form.get_by_label("Customer's account id").fill(site.house.eve)
    form.get_by_label("Last day").fill("2099-12-31")
    form.get_by_label("hosted").check()
    form.get_by_role("button", name="Grant license").click()
    expect(box_page.get_by_role("status")).to_have_text("License granted.")
    with site.runtime.database.reading() as session:
        granted = session.query(License).order_by(License.id.desc()).first()
        assert granted is not None
        assert (granted.customer_id, granted.mode) == (site.house.eve, "hosted")
        assert granted.expires_at is not None
        assert granted.expires_at.isoformat().startswith("2099-12-31T23:59:59")
    box_page.goto(f"{site.url}/dashboard/licenses")
    row = box_page.locator("tr", has_text=granted.id[-6:])
    row.get_by_role("button", name="Suspend").click()
    expect(row).to_contain_text("suspended")
    row.get_by_role("button", name="Reinstate").click()
    expect(row).to_contain_text("active")


def test_a_customer_downloads_the_key_and_both_sides_audit_shows_it(page_of, site: Site) -> None:
    with site.runtime.database.transaction() as session:
        license_id = rows.add_license(session, site.house.box, site.house.eve, mode="delivered", max_downloads=1)
    page = page_of("eve", "/licenses")
    row = page.locator("tr", has_text=license_id[-6:])
    with page.expect_download() as started:
        row.get_by_role("button", name="Download key").click()
    assert started.value.suggested_filename == f"{site.house.box}.key.safetensors"
    assert load(started.value.path().read_bytes())["kappa"].shape == (1, 8, 8)
    page.goto(f"{site.url}/dashboard/audit")
    expect(page.locator("tr", has_text="license.key").first).to_contain_text("eve")
    provider = page_of("ada", "/audit")
    expect(provider.locator("tr", has_text="license.key").first).to_contain_text(site.house.eve[-6:])
    with site.runtime.database.reading() as session:
        kept = session.query(AuditEvent).filter_by(action="license.key", object_id=license_id).one()
        assert kept.actor_id == site.house.eve
        assert kept.address == "127.0.0.1"


def test_a_download_beyond_the_allowed_number_is_refused_with_its_reason(page_of, site: Site) -> None:
    with site.runtime.database.transaction() as session:
        rows.add_license(session, site.house.box, site.house.eve, mode="delivered", max_downloads=1)
    page = page_of("eve", "/licenses")
    button = page.get_by_role("button", name="Download key").first
    with page.expect_download():
        button.click()
    button.click()
    expect(page.locator("main")).to_contain_text("license_downloads_used_up")


def test_the_customers_page_of_a_box_tells_how_to_ask_and_no_more(page_of, site: Site) -> None:
    page = page_of("eve", f"/boxes/{site.house.box}")
    expect(page.locator("main")).to_contain_text("/distill")
    assert page.locator(".evidence, .attacks, form[action*=publish]").count() == 0


def test_no_page_is_wider_than_a_desk_or_a_phone(page_of, site: Site) -> None:
    house = site.house
    lists = ("", "/jobs", "/boxes", "/licenses", "/models", "/datasets", "/audit")
    for path in (*lists, f"/jobs/{house.finished}", f"/boxes/{house.box}"):
        page = page_of("ada", path)
        for width in (1280, 420):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{path} at {width}"


def test_alarms_are_shown_and_their_distances_drawn(page_of: PageOf, site: Site) -> None:
    with site.runtime.database.transaction() as session:
        alarm = rows.add_alarm(session, site.house.box)
    page = page_of("ada", f"/boxes/{site.house.box}")
    try:
        expect(page.locator("#alarms tbody tr")).to_have_count(1)
        expect(page.locator("#alarms #nearest .js-plotly-plot")).to_have_count(1)
        assert page.locator("#alarms #nearest .bars .point").count() > 5
    finally:
        with site.runtime.database.transaction() as session:
            session.delete(session.get_one(Alarm, alarm))


def test_a_box_without_a_report_can_be_published_with_a_budget(page_of: PageOf, site: Site) -> None:
    with site.runtime.database.transaction() as session:
        job = session.get_one(Job, session.get_one(Box, site.house.box).job_id)
        kept, job.report_key = job.report_key, None
    try:
        page = page_of("ada", f"/boxes/{site.house.box}")  # a script that fails is a fault of the visit
        expect(page.locator("main")).to_contain_text("This box has no report")
        form = page.locator("#publication")
        form.get_by_label("Images a minute").fill("600")
        form.get_by_role("button", name="Publish").click()
        expect(page.get_by_role("status")).to_contain_text("Published")
        expect(page.locator("#publication").get_by_label("Images a minute")).to_have_value("600")
        with site.runtime.database.reading() as session:
            assert session.get_one(Box, site.house.box).images_per_minute == 600
    finally:
        with site.runtime.database.transaction() as session:
            box = session.get_one(Box, site.house.box)
            box.published_at, box.images_per_minute = None, None
            session.get_one(Job, box.job_id).report_key = kept
