"""One request is one transaction; what must follow a commit follows it, and never a rollback."""

import threading

import pytest
from sqlalchemy import select

from sdb_service.db import Database, after_commit
from sdb_service.identity import create_account
from sdb_service.tables import Account


def test_what_a_transaction_wrote_is_there_when_it_ends(database: Database) -> None:
    with database.transaction() as session:
        create_account(session, "anna", role="provider")
    assert _names(database) == ["anna"]


def test_a_transaction_that_raises_leaves_nothing(database: Database) -> None:
    with pytest.raises(RuntimeError, match="in the middle"):
        _write_and_fail(database, [])
    assert _names(database) == []


def test_after_commit_runs_when_others_can_see_the_row(database: Database) -> None:
    seen: list[list[str]] = []
    with database.transaction() as session:
        create_account(session, "anna", role="provider")
        after_commit(session, lambda: seen.append(_names(database)))
        assert seen == []
    assert seen == [["anna"]]


def test_after_commit_keeps_the_order(database: Database) -> None:
    order: list[int] = []
    with database.transaction() as session:
        for number in range(5):
            after_commit(session, lambda number=number: order.append(number))
    assert order == [0, 1, 2, 3, 4]


def test_after_commit_never_runs_for_a_transaction_that_raised(database: Database) -> None:
    calls: list[str] = []
    with pytest.raises(RuntimeError):
        _write_and_fail(database, calls)
    assert calls == []


def test_after_commit_does_not_run_when_a_savepoint_is_released(database: Database) -> None:
    calls: list[str] = []
    with database.transaction() as session:
        with session.begin_nested():
            create_account(session, "anna", role="provider")
            after_commit(session, lambda: calls.append("rung"))
        assert calls == []
    assert calls == ["rung"]


def test_what_a_reader_changes_is_rolled_back(database: Database) -> None:
    with database.reading() as session:
        create_account(session, "anna", role="provider")
    assert _names(database) == []


def test_a_reader_does_not_wait_for_a_writer(database: Database) -> None:
    with database.transaction() as writing:
        create_account(writing, "anna", role="provider")
        assert _names(database) == []
    assert _names(database) == ["anna"]


def test_transactions_that_read_before_they_write_take_turns(database: Database) -> None:
    failures: list[BaseException] = []
    start = threading.Barrier(6)

    def add(number: int) -> None:
        start.wait()
        try:
            for turn in range(5):
                with database.transaction() as session:
                    session.execute(select(Account)).all()
                    create_account(session, f"account {number} {turn}", role="customer")
        except BaseException as error:  # noqa: BLE001
            failures.append(error)

    threads = [threading.Thread(target=add, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(_names(database)) == 30


def _names(database: Database) -> list[str]:
    with database.reading() as session:
        return list(session.execute(select(Account.name).order_by(Account.name)).scalars())


def _write_and_fail(database: Database, calls: list[str]) -> None:
    with database.transaction() as session:
        create_account(session, "anna", role="provider")
        after_commit(session, lambda: calls.append("rung"))
        raise RuntimeError("in the middle")
