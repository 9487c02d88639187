"""Getting in by a one-time link, and out."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Site

pytestmark = pytest.mark.browser


def test_a_link_signs_in_once_and_opening_it_does_not_use_it_up(page: Page, site: Site) -> None:
    link = site.link("ada")
    page.goto(link)
    page.goto(link)  # a mail program's prefetch, then the person
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{site.url}/dashboard")
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    expect(page.locator(".who")).to_contain_text("ada")
    page.goto(link)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="This link does not work")).to_be_visible()
    expect(page.locator("main")).to_contain_text("sdb admin login-link --account NAME")


def test_a_wrong_link_is_refused_with_a_page_that_says_how_to_get_one(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/dashboard/login/link_madeup")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="This link does not work")).to_be_visible()
    expect(page.locator("main")).to_contain_text("/v1/login-links")


def test_without_a_session_every_page_asks_to_sign_in(page: Page, site: Site) -> None:
    answer = page.goto(f"{site.url}/dashboard/jobs")
    assert answer is not None
    assert answer.status == 401
    expect(page).to_have_title(re.compile("Not signed in"))


def test_the_cookie_is_kept_from_scripts_and_dies_with_the_session(page: Page, site: Site) -> None:
    page.goto(site.link("ada"))
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{site.url}/dashboard")
    (cookie,) = page.context.cookies(f"{site.url}/dashboard")
    assert (cookie["name"], cookie["httpOnly"], cookie["sameSite"]) == ("sdb_session", True, "Lax")
    assert page.evaluate("document.cookie") == ""
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Signed out")).to_be_visible()
    page.context.add_cookies([cookie])  # a copy taken before
    page.goto(f"{site.url}/dashboard")
    expect(page.get_by_role("heading", name="You are not signed in")).to_be_visible()
