"""Identifiers name their kind and sort by time of birth."""

import re
import time

from sdb_service.ids import new_id


def test_an_id_is_its_kind_and_twenty_six_characters() -> None:
    assert re.fullmatch(r"job_[0-9a-hjkmnp-tv-z]{26}", new_id("job"))


def test_ids_sort_by_time_of_birth() -> None:
    born = []
    for _ in range(20):
        born.append(new_id("job"))
        time.sleep(0.002)
    assert sorted(born) == born


def test_no_two_ids_are_the_same() -> None:
    assert len({new_id("job") for _ in range(20_000)}) == 20_000
