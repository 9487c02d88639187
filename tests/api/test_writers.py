"""Many who write at the same moment are all answered."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from tests.api.seeding import House

AT_ONCE = 60  # more than a process has threads for requests


def test_more_writers_than_threads_do_not_wait_for_each_other_for_ever(each_house: House) -> None:
    provider = each_house.person("provider")
    start = threading.Barrier(AT_ONCE)

    def write(number: int) -> int:
        start.wait()
        return each_house.post(provider, "/v1/tokens", {"name": f"token {number}"}).status_code

    with ThreadPoolExecutor(AT_ONCE) as threads:
        statuses = Counter(threads.map(write, range(AT_ONCE)))

    assert statuses == {201: AT_ONCE}
