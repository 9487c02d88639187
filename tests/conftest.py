"""What all tests share: the servers of both profiles, and a loud word about what was skipped."""

import os

import pytest

pytest_plugins = ["tests.servers.fixtures"]

NO_SKIPS = os.environ.get("SDB_TEST_NO_SKIPS") == "1"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what takes hours unless `-m` names it."""
    if "nightly" in config.option.markexpr:
        return
    long = [item for item in items if item.get_closest_marker("nightly")]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how much was not tested: a skip that nobody sees is a hole."""
    skipped = len(terminalreporter.stats.get("skipped", []))
    if skipped:
        terminalreporter.write_line(f"NOT TESTED HERE: {skipped} tests were skipped; see the reasons above.", red=True)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Under SDB_TEST_NO_SKIPS=1 a skip is a failure."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if NO_SKIPS and exitstatus == 0 and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
