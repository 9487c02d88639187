"""A job's report: the page that was stored with it, and the published form of the numbers."""

import json

import jsonschema
import pytest

from sdb_service.tables import Job
from tests.api.problems import problem_of
from tests.api.seeding import NOBODY, House, Person

REPORT = {"schema": "sdb-report/1", "policy": "sdb", "accuracy": {"closed": {"mean": 61.5, "std": 0, "seeds": 1}}}


@pytest.fixture
def job(house: House, provider: Person) -> str:
    """A finished job with a report and nothing beside it, as older versions left it."""
    job_id = house.job(provider, state="succeeded")
    key = f"jobs/{job_id}/1/artifacts/report.json"
    house.runtime.storage.put_bytes(key, json.dumps(REPORT).encode())
    with house.runtime.database.transaction() as session:
        session.get_one(Job, job_id).report_key = key
    return job_id


def test_the_stored_page_is_served_as_it_is_and_no_script_of_it_may_run(
    house: House, provider: Person, job: str
) -> None:
    page = "<!doctype html><p>what was stored ✓</p>"
    house.runtime.storage.put_bytes(f"jobs/{job}/1/artifacts/report.html", page.encode())

    answer = house.get(provider, f"/v1/jobs/{job}/report.html")

    assert answer.text == page
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"] == (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"
    )
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_job_from_before_pages_were_stored_has_its_tables(house: House, provider: Person, job: str) -> None:
    answer = house.get(provider, f"/v1/jobs/{job}/report.html")

    assert answer.status_code == 200, answer.text
    assert "61.5" in answer.text
    assert "sandbox" in answer.headers["content-security-policy"]


def test_a_job_without_a_report_has_no_page(house: House, provider: Person) -> None:
    job_id = house.job(provider, state="succeeded")

    problem_of(house.get(provider, f"/v1/jobs/{job_id}/report.html"), 404, "report_missing")


def test_the_schema_is_published_for_everybody_and_judges_reports(house: House) -> None:
    answer = house.get(NOBODY, "/v1/report-schema")

    assert answer.headers["content-type"] == "application/schema+json"
    schema = answer.json()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["title"] == "sdb-report/1"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(REPORT, schema)
    described = house.get(NOBODY, "/openapi.json").json()["paths"]["/v1/report-schema"]["get"]
    assert list(described["responses"]["200"]["content"]) == ["application/schema+json"]
