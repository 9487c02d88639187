"""Inviting somebody, joining, the second step, and signing in again, as people do it."""

import re
import time
from collections.abc import Callable

import pyotp
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Site, Visits

pytestmark = [pytest.mark.browser, pytest.mark.trust]

PASSWORD = "nineteen copper kettles"


def test_somebody_is_invited_joins_sets_up_a_second_step_and_signs_in_with_it(
    page_of: Callable[[str, str], Page], page: Page, site: Site
) -> None:
    link = _invite(page_of("ada", "/people"), "grace@example.org")

    page.goto(link)
    expect(page.get_by_role("heading", name="Join ada")).to_be_visible()
    page.get_by_label("Your name").fill("Grace Hopper")
    page.get_by_label("Password").fill("grace@example.org")
    page.get_by_role("button", name="Join").click()
    expect(page.get_by_role("alert")).to_contain_text("easily guessed")
    expect(page.get_by_label("Your name")).to_have_value("Grace Hopper")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Join").click()
    expect(page).to_have_url(f"{site.url}/dashboard")
    expect(page.locator(".who")).to_contain_text("Grace Hopper")
    expect(page.get_by_role("link", name="People")).to_have_count(0)

    app, code = _set_up_second_step(page)
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("E-mail address").fill("Grace@example.org")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("Code from your app").fill("000000")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("not right")
    page.get_by_label("Code from your app").fill(code)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{site.url}/dashboard")
    assert app.secret


def test_the_cookies_of_a_sign_in_by_name_are_kept_from_scripts(
    page_of: Callable[[str, str], Page], page: Page, site: Site
) -> None:
    page.goto(_invite(page_of("ada", "/people"), "hedy@example.org"))
    page.get_by_label("Your name").fill("Hedy Lamarr")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Join").click()
    expect(page).to_have_url(f"{site.url}/dashboard")

    kept = {cookie["name"]: cookie for cookie in page.context.cookies(f"{site.url}/dashboard")}
    assert set(kept) == {"sdb_session", "sdb_device"}
    assert all(cookie["httpOnly"] and cookie["sameSite"] == "Lax" for cookie in kept.values())
    assert page.evaluate("document.cookie") == ""


def test_the_pages_of_people_fit_a_phone(browser: Browser, visits: Visits, site: Site) -> None:
    narrow = browser.new_context(
        viewport={"width": 360, "height": 740}, storage_state=visits.signed_in("ada").storage_state()
    )
    page = narrow.new_page()
    for path in ("/people", "/me", "/sign-in"):
        page.goto(f"{site.url}/dashboard{path}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, path
    narrow.close()


def _invite(page: Page, email: str) -> str:
    page.get_by_label("E-mail address").fill(email)
    page.get_by_role("button", name="Make an invitation").click()
    expect(page.locator("main")).to_contain_text("sends no mail")
    return page.locator(".command code").inner_text()


def _set_up_second_step(page: Page) -> tuple[pyotp.TOTP, str]:
    """The app, and a recovery code; the app's picture is on the page and large enough to be read."""
    page.get_by_role("link", name=re.compile("Grace Hopper")).click()
    page.get_by_role("button", name="Set it up").click()
    box = page.locator(".qr svg").bounding_box()
    assert box is not None
    assert box["width"] > 150
    page.get_by_text("Or type the secret").click()
    app = pyotp.TOTP(page.locator("p.code").inner_text().replace(" ", ""))
    while time.time() % 30 > 25:
        time.sleep(0.2)
    page.get_by_label("The code that the app shows").fill(app.now())
    page.get_by_role("button", name="Switch it on").click()
    codes = page.locator(".command code").inner_text().split()
    assert len(codes) == 10
    page.get_by_role("link", name="I have kept them").click()
    expect(page.get_by_text("After the password you are asked")).to_be_visible()
    return app, codes[3]
