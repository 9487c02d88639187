"""Jobs as they run, end and fail."""

import re
import time

import pytest
from playwright.sync_api import Page, expect

from sdb_service import clock
from sdb_service.tables import Job, JobEvent
from tests.browser import rows
from tests.browser.conftest import Site

pytestmark = pytest.mark.browser


@pytest.fixture
def running(site: Site) -> str:
    """A job of this test's own that runs, with ten points of its curves."""
    with site.runtime.database.transaction() as session:
        house = site.house
        job_id = rows.add_job(session, house.ada, house.model, house.dataset, state="running", attempt=1)
        rows.add_metrics(session, job_id, steps=range(10))
        return job_id


def steps_drawn(page: Page) -> list[int]:
    return page.evaluate("[...(document.querySelector('.js-plotly-plot')?.data[0].x ?? [])]")


def wait_for_points(page: Page, count: int) -> None:
    # Playwright's own waiting evaluates strings, which the pages' Content-Security-Policy refuses.
    until = time.monotonic() + 10
    while len(steps_drawn(page)) != count:
        assert time.monotonic() < until, f"{len(steps_drawn(page))} points are drawn and not {count}"
        page.wait_for_timeout(50)


def test_curves_and_progress_grow_while_the_job_runs_and_its_end_shows(page_of, site: Site, running: str) -> None:
    page = page_of("ada", f"/jobs/{running}")
    wait_for_points(page, 10)
    path = page.locator(".js-plotly-plot .scatterlayer path.js-line").first
    before = path.get_attribute("d")
    with site.runtime.database.transaction() as session:
        rows.add_metrics(session, running, steps=range(10, 25))
        session.add(
            JobEvent(job_id=running, attempt=1, kind="progress", data={"stage": "wrap", "done": 25, "total": 99})
        )
    wait_for_points(page, 25)
    expect(page.locator("#live .stage")).to_have_text("wrap 25/99")
    expect(path).not_to_have_attribute("d", before or "")
    with site.runtime.database.transaction() as session:
        job = session.get_one(Job, running)
        job.state, job.started_at, job.finished_at = "succeeded", clock.after(-90), clock.now()
        session.add(JobEvent(job_id=running, attempt=1, kind="state", data={"state": "succeeded"}))
    expect(page.locator("#state")).to_have_text("succeeded")
    expect(page.locator("#live .stage")).to_have_text("took 1 min 30 s")
    wait_for_points(page, 25)


def test_a_resumed_attempt_replaces_the_steps_it_repeats(page_of, site: Site, running: str) -> None:
    page = page_of("ada", f"/jobs/{running}")
    wait_for_points(page, 10)
    with site.runtime.database.transaction() as session:
        rows.add_metrics(session, running, steps=range(6, 8), attempt=2)
    wait_for_points(page, 8)
    assert steps_drawn(page) == list(range(8))


def test_the_cancel_button_asks_and_then_cancels(page_of, site: Site, running: str) -> None:
    page = page_of("ada", f"/jobs/{running}")
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Cancel job").click()
    expect(page.get_by_role("status")).to_contain_text("Cancel requested")
    expect(page.locator("#state")).to_have_text("cancelling")
    with site.runtime.database.reading() as session:
        assert session.get_one(Job, running).cancel_requested_at is not None


def test_bars_on_the_overview_move_without_a_reload(page_of, site: Site, running: str) -> None:
    page = page_of("ada", "")
    page.evaluate("window.stayed = true")
    with site.runtime.database.transaction() as session:
        session.get_one(Job, running).progress = {"stage": "students", "done": 7, "total": 36}
    expect(page.locator(f'.progress[data-job="{running}"] .stage')).to_have_text("students 7/36")
    assert page.evaluate("window.stayed")


def test_a_failed_job_tells_its_code_and_the_cure(page_of, site: Site) -> None:
    page = page_of("ada", f"/jobs/{site.house.failed}")
    expect(page.get_by_role("alert")).to_contain_text("lower lr (or omega), or check the data")
    expect(page.get_by_role("alert")).to_contain_text("training_diverged")


def test_a_strangers_job_is_not_found(page_of, site: Site) -> None:
    page = page_of("ada", f"/jobs/{site.house.strangers_job}")
    expect(page.get_by_role("heading", name="Not found")).to_be_visible()
    expect(page).to_have_title(re.compile("Not found"))


def test_the_report_is_a_page_with_figures_that_stands_alone(page_of, site: Site) -> None:
    page = page_of("ada", f"/jobs/{site.house.finished}")
    page.get_by_role("link", name="Report").click()
    expect(page.get_by_role("heading", name="Evidence report")).to_be_visible()
    expect(page.locator("figure svg")).to_have_count(3)
    expect(page.get_by_role("img", name="Without the key, a student ends 23.4")).to_be_visible()
    width = page.locator("figure svg").first.evaluate("figure => figure.getBoundingClientRect().width")
    assert width > 800
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_script_in_a_stored_page_does_not_run(page_of, site: Site, visits) -> None:
    with site.runtime.database.transaction() as session:
        house = site.house
        job_id = rows.add_job(
            session, house.ada, house.model, house.dataset, state="succeeded", report_key="jobs/hostile/1/report.json"
        )
    page = b"<!doctype html><title>kept</title><script>document.title = 'ran'</script><p id=a>read</p>"
    site.runtime.storage.put_bytes("jobs/hostile/1/report.json", b"{}")
    site.runtime.storage.put_bytes("jobs/hostile/1/report.html", page)
    opened = page_of("ada", f"/jobs/{job_id}/report")
    expect(opened.locator("#a")).to_have_text("read")
    assert opened.title() == "kept"
    assert any("Blocked script execution" in fault or "violates" in fault for fault in visits.faults)
    visits.faults.clear()


def test_attacks_are_drawn_beside_the_curves_the_strongest_first(page_of, site: Site) -> None:
    page = page_of("ada", f"/jobs/{site.house.finished}")
    chart = page.locator("#attacks .js-plotly-plot")
    expect(chart.locator(".scatterlayer .point")).to_have_count(9)
    expect(chart.locator(".errorbars .errorbar")).to_have_count(9)
    expect(chart.locator(".yaxislayer-above .ytick text, .yaxislayer-below .ytick text").first).to_have_text(
        "label-only"
    )
    expect(chart).to_contain_text("Answers alone: no key, no weights")
    expect(chart).to_contain_text("+1.4 ± 0.8")
