"""The real application on a temporary embedded profile, and a headless browser that reports what it should not see."""

import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, sync_playwright

import migrations
from api.app import create_app
from sdb_service.runtime import Runtime, open_runtime
from sdb_service.settings import Settings
from tests.browser.seeds import House, furnish, login_link, open_session

CHROMIUM = Path("/usr/bin/chromium")
_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@dataclass
class Site:
    """The running service, and what was seeded in it."""

    url: str
    runtime: Runtime
    house: House

    def link(self, name: str) -> str:
        """The address of a fresh sign-in link of the account."""
        return self.url + login_link(self.runtime, self.house.ids[name])


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One server for all: every test makes the rows that it changes."""
    folder = tmp_path_factory.mktemp("site")
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    settings = Settings(
        data_dir=folder / "data",
        kek_file=folder / "keys/kek",
        token_key_file=folder / "keys/tokens",
        public_url=url,
        webhook_poll_seconds=3600,  # nothing leaves for the addresses that tests make up
    )
    # A doorbell that nobody hears: jobs stay as they were seeded.
    runtime = open_runtime(settings, celery=SimpleNamespace(send_task=lambda *_, **__: None))  # type: ignore[arg-type]
    migrations.upgrade(settings)
    server = uvicorn.Server(
        uvicorn.Config(create_app(runtime), port=port, log_level="warning", timeout_graceful_shutdown=1)
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        thread.join(0.05)
    yield Site(url, runtime, furnish(runtime))
    server.should_exit = True
    thread.join(10)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip(f"THE DASHBOARD IS NOT TESTED IN A BROWSER: there is no {CHROMIUM}; install Chromium.")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=_ARGUMENTS)
        yield chromium
        chromium.close()


@dataclass
class Visits:
    """Browser profiles, one for each account so that scripts are loaded once, and what went wrong in any of them."""

    browser: Browser
    site: Site
    profiles: dict[str, BrowserContext] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def profile(self) -> BrowserContext:
        """A fresh profile, watched: no errors in the console, nothing asked of any other server."""
        made = self.browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
        made.set_default_timeout(10_000)
        made.on("request", lambda request: _note_stranger(self.faults, request, self.site))
        made.on("console", lambda message: _note_error(self.faults, message))
        made.on("weberror", lambda error: self.faults.append(f"script error: {error.error}"))
        return made

    def signed_in(self, name: str) -> BrowserContext:
        """The account's profile, with a session that was opened without a page."""
        if name not in self.profiles:
            self.profiles[name] = self.profile()
            value = open_session(self.site.runtime, self.site.house.ids[name])
            cookie = {"name": "sdb_session", "value": value, "domain": "127.0.0.1", "path": "/dashboard"}
            self.profiles[name].add_cookies([cookie])  # type: ignore[list-item]
        return self.profiles[name]


@pytest.fixture(scope="session")
def all_visits(browser: Browser, site: Site) -> Visits:
    return Visits(browser, site)


@pytest.fixture
def visits(all_visits: Visits) -> Iterator[Visits]:
    all_visits.faults.clear()
    yield all_visits
    assert not all_visits.faults, "\n".join(all_visits.faults)


@pytest.fixture
def page(visits: Visits) -> Iterator[Page]:
    """A page of somebody who is not signed in."""
    profile = visits.profile()
    yield profile.new_page()
    profile.close()


@pytest.fixture
def page_of(visits: Visits) -> Iterator[Callable[[str, str], Page]]:
    """A page of the dashboard as an account sees it: `page_of("ada", "/jobs")`."""
    opened: list[Page] = []

    def visit(name: str, path: str) -> Page:
        made = visits.signed_in(name).new_page()
        opened.append(made)
        made.goto(f"{visits.site.url}/dashboard{path}")
        return made

    yield visit
    for each in opened:
        each.close()


def _note_stranger(faults: list[str], request: Request, site: Site) -> None:
    if not request.url.startswith((site.url + "/", "data:", "blob:")):
        faults.append(f"a request left the server: {request.url}")


def _note_error(faults: list[str], message: ConsoleMessage) -> None:
    # Chromium itself logs each answer with an error status; a page that is refused on purpose is not a fault.
    refused = "Failed to load resource: the server responded with a status of 4" in message.text
    if message.type in ("error", "warning") and not refused:
        faults.append(f"console {message.type}: {message.text}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
