"""Who asks at the same moment gets no more than who asks in turn: on SQLite and on Postgres."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from httpx2 import Response

from sdb_service.tables import Dataset, Job, Upload
from tests.api.counting import limit, use_of
from tests.api.seeding import House

pytestmark = pytest.mark.trust

AT_ONCE = 50


def at_once(ask: Callable[[int], Response], times: int = AT_ONCE) -> list[Response]:
    start = threading.Barrier(times)

    def work(number: int) -> Response:
        start.wait()
        return ask(number)

    with ThreadPoolExecutor(times) as threads:
        return list(threads.map(work, range(times)))


def codes(answers: list[Response]) -> Counter[tuple[int, str]]:
    return Counter((answer.status_code, answer.json().get("code", "")) for answer in answers)


@pytest.mark.parametrize("limits", [{"stored_bytes": 10_999}, {"open_uploads": 10}])
def test_of_fifty_uploads_at_once_ten_fit_where_there_is_room_for_ten(
    each_house: House, limits: dict[str, int]
) -> None:
    admin, provider = each_house.person("admin"), each_house.person("provider")
    limit(each_house, admin, provider, **limits)
    body = {"filename": "x.zip", "size": 1000, "sha256": "0" * 64}

    answers = at_once(lambda _number: each_house.post(provider, "/v1/uploads", body))

    assert codes(answers) == {(201, ""): 10, (409, "quota_exceeded"): 40}
    assert each_house.count(Upload, Upload.account_id == provider.id) == 10
    assert use_of(each_house, provider, "stored_bytes") == (0, 10_000)


def test_of_many_jobs_at_once_as_many_begin_as_may(each_house: House) -> None:
    admin, provider = each_house.person("admin"), each_house.person("provider")
    limit(each_house, admin, provider, active_jobs=3)
    body = {"model_id": each_house.model(provider), "dataset_id": each_house.dataset(provider), "policy": "sdb"}

    answers = at_once(lambda _number: each_house.post(provider, "/v1/jobs", body), times=20)

    assert codes(answers) == {(202, ""): 3, (409, "quota_exceeded"): 17}
    assert each_house.count(Job, Job.account_id == provider.id) == 3


def test_discarding_one_upload_many_times_at_once_makes_room_once(each_house: House) -> None:
    admin, provider = each_house.person("admin"), each_house.person("provider")
    limit(each_house, admin, provider, open_uploads=2)
    body = {"filename": "x.zip", "size": 1000, "sha256": "0" * 64}
    first, _second = (each_house.post(provider, "/v1/uploads", body).json()["id"] for _ in range(2))

    path = f"/v1/uploads/{first}"
    gone = at_once(lambda _number: each_house.http.delete(path, headers=provider.headers), times=10)

    assert {answer.status_code for answer in gone} <= {204, 404, 409}
    assert [answer.status_code for answer in gone].count(204) == 1
    assert use_of(each_house, provider, "stored_bytes") == (0, 1000)
    begun = at_once(lambda _number: each_house.post(provider, "/v1/uploads", body), times=10)
    assert codes(begun) == {(201, ""): 1, (409, "quota_exceeded"): 9}


def test_a_file_is_deleted_or_gets_a_dataset_and_never_both(each_house: House) -> None:
    provider = each_house.person("provider")
    for _ in range(10):
        upload = each_house.upload(provider, "x.zip")
        path = f"/v1/uploads/{upload}"

        def ask(number: int, *, path: str = path, upload: str = upload) -> Response:
            if number % 2:
                return each_house.http.delete(path, headers=provider.headers)
            return each_house.post(provider, "/v1/datasets", {"name": "d", "upload_id": upload})

        answers = at_once(ask, times=4)

        made = [answer.status_code for answer in answers[::2]].count(201)
        stands = each_house.count(Upload, Upload.id == upload, Upload.state == "complete")
        assert (made > 0) == (stands == 1), [answer.text for answer in answers]
        assert each_house.count(Dataset, Dataset.upload_id == upload) == made
        with each_house.runtime.database.transaction() as session:
            session.query(Dataset).filter(Dataset.account_id == provider.id).update({"state": "ready"})
