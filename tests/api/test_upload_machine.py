"""Uploads keep to their model in any order of requests."""

from collections.abc import Iterator

import pytest

from tests.api.conftest import house_on
from tests.api.networks import Network
from tests.api.seeding import House
from tests.api.upload_machine import PART, UploadMachine
from tests.machines import CI_STEPS, NIGHTLY_STEPS, run
from tests.servers.profiles import Profile

pytestmark = pytest.mark.trust


@pytest.fixture
def small_house(embedded_profile: Profile, network: Network) -> Iterator[House]:
    with house_on(embedded_profile.settings, network, part_bytes=PART, quota_open_checks=10**6) as house:
        yield house


@pytest.mark.parametrize("steps", [CI_STEPS, pytest.param(NIGHTLY_STEPS, marks=pytest.mark.nightly)])
def test_an_upload_keeps_to_its_model_in_any_order_of_requests(small_house: House, steps: int) -> None:
    assert run(UploadMachine, steps, house=small_house) >= steps
