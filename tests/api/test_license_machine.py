"""Licenses under any order of acts, uses and hours: the service decides as a model of a page does."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from httpx2 import Response
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, rule, run_state_machine_as_test

from tests.api.license_model import Model
from tests.api.moving import MovingClock, moving_clock
from tests.api.networks import NPY, as_npy, random_pixels
from tests.api.seeding import House

pytestmark = pytest.mark.trust

ENTITLEMENTS = ("key:download", "distill", "box:download")
HOLDERS = st.integers(0, 2)
HOURS = st.integers(1, 24 * 6)


class LicenseMachine(RuleBasedStateMachine):
    """Each license stands before a box of its own, so that its answers are its own doing."""

    licenses = Bundle("licenses")
    steps = 0

    def __init__(self, house: House, clock: MovingClock) -> None:
        super().__init__()
        self.house, self.clock = house, clock
        self.provider = house.person("provider")
        self.customers = [house.person("customer") for _ in range(3)]

    @rule(
        target=licenses,
        holder=HOLDERS,
        mode=st.sampled_from(["delivered", "hosted"]),
        entitlements=st.none() | st.sets(st.sampled_from(ENTITLEMENTS), min_size=1),
        hours=st.none() | HOURS,
        days=st.none() | st.integers(1, 4),
        downloads=st.none() | st.integers(1, 3),
        predictions=st.none() | st.integers(1, 6),
    )
    def grant(self, holder: int, mode: str, entitlements: set[str] | None, hours: int | None, **limits: Any) -> Model:
        allowed = ENTITLEMENTS if mode == "delivered" else ("distill",)
        named = None if entitlements is None else [each for each in allowed if each in entitlements] or [allowed[0]]
        end = None if hours is None else self.clock.now + timedelta(hours=hours)
        box = self.house.box(self.provider)
        held = self.house.license(
            self.provider,
            box,
            self.customers[holder],
            mode=mode,
            entitlements=named,
            expires_at=end.isoformat() if end else None,
            valid_for_days=limits["days"],
            max_downloads=limits["downloads"],
            max_predictions=limits["predictions"],
        )
        made = Model(
            held,
            box,
            holder,
            mode,
            tuple(named or allowed),
            end,
            limits["days"],
            limits["downloads"],
            limits["predictions"],
        )
        self._agrees(made)
        return made

    @rule(model=licenses, act=st.sampled_from(["suspend", "reinstate", "revoke"]))
    def decide(self, model: Model, act: str) -> None:
        was = model.state(self.clock.now)
        may = {
            "suspend": ("active", "expired"),
            "reinstate": ("suspended",),
            "revoke": ("active", "expired", "suspended"),
        }
        answer = self._act(model, act)
        if was in may[act]:
            assert answer.status_code == 200, answer.text
            model.decided = {"suspend": "suspended", "reinstate": "active", "revoke": "revoked"}[act]
        else:
            assert (answer.status_code, answer.json()["code"]) == (409, "license_state")
        self._agrees(model)

    @rule(model=licenses, hours=st.none() | HOURS)
    def renew(self, model: Model, hours: int | None) -> None:
        end = None if hours is None else self.clock.now + timedelta(hours=hours)
        answer = self._act(model, "renew", {"expires_at": end.isoformat() if end else None})
        if model.decided == "revoked":
            assert (answer.status_code, answer.json()["code"]) == (409, "license_state")
        else:
            assert answer.status_code == 200, answer.text
            model.end, model.days = end, None
        self._agrees(model)

    @rule(model=licenses, to=HOLDERS)
    def transfer(self, model: Model, to: int) -> None:
        answer = self._act(model, "transfer", {"customer_id": self.customers[to].id})
        if to == model.holder:
            assert (answer.status_code, answer.json()["code"]) == (422, "customer_same")
        elif model.decided == "revoked":
            assert (answer.status_code, answer.json()["code"]) == (409, "license_state")
        else:
            assert answer.status_code == 200, answer.text
            model.holder, model.transfers = to, model.transfers + 1
        self._agrees(model)

    @rule(model=licenses, who=HOLDERS)
    def fetch_key(self, model: Model, who: int) -> None:
        self._fetch_key(model, who)

    @rule(model=licenses, who=HOLDERS, count=st.integers(1, 3))
    def distill(self, model: Model, who: int, count: int) -> None:
        self._distill(model, who, count)

    @rule(model=licenses, who=HOLDERS)
    def fetch_weights(self, model: Model, who: int) -> None:
        self._fetch_weights(model, who)

    def _fetch_key(self, model: Model, who: int) -> None:
        now, found = self.clock.now, self.house.get(self.customers[who], f"/v1/licenses/{model.id}/key")
        expected = model.refusal(now, "key:download")
        if expected is None and model.most_downloads is not None and model.downloads >= model.most_downloads:
            expected = "license_downloads_used_up"
        if self._answered(found, "license_not_found" if who != model.holder else expected):
            model.downloads += 1
            model.used(now)
        self._agrees(model)

    def _distill(self, model: Model, who: int, count: int = 1) -> None:
        headers = self.customers[who].headers | {"Content-Type": NPY}
        now, body = self.clock.now, as_npy(random_pixels(count))
        found = self.house.http.post(f"/v1/boxes/{model.box}/distill", content=body, headers=headers)
        expected = model.refusal(now, "distill")
        if (
            expected is None
            and model.most_predictions is not None
            and model.predictions + count > model.most_predictions
        ):
            expected = "license_predictions_used_up"
        if self._answered(found, "box_not_found" if who != model.holder else expected):
            model.predictions += count
            model.used(now)
        self._agrees(model)

    def _fetch_weights(self, model: Model, who: int) -> None:
        now, found = self.clock.now, self.house.get(self.customers[who], f"/v1/boxes/{model.box}/checkpoint")
        is_party = who == model.holder and model.state(now) == "active"
        if self._answered(found, model.refusal(now, "box:download") if is_party else "box_not_found"):
            model.used(now)
        self._agrees(model)

    @rule(model=licenses, who=HOLDERS)
    def fetch_file(self, model: Model, who: int) -> None:
        state, found = model.state(self.clock.now), self.house.get(self.customers[who], f"/v1/licenses/{model.id}/file")
        reason = None if state == "active" else f"license_{state}"
        self._answered(found, "license_not_found" if who != model.holder else reason)

    @rule(hours=HOURS)
    def time_goes_on(self, hours: int) -> None:
        self.clock.go_on(timedelta(hours=hours))
        LicenseMachine.steps += 1

    @rule(model=licenses)
    def the_end_comes_to_the_microsecond(self, model: Model) -> None:
        if model.end is not None and model.end > self.clock.now:
            self.clock.go_on(model.end - self.clock.now - timedelta(microseconds=1))
            self._agrees(model)
            self.clock.go_on(timedelta(microseconds=1))
        for use in (self._fetch_key, self._fetch_weights, self._distill):
            use(model, model.holder)

    def _act(self, model: Model, act: str, body: Any = None) -> Response:
        return self.house.post(self.provider, f"/v1/licenses/{model.id}/{act}", body)

    def _answered(self, found: Response, refusal: str | None) -> bool:
        code = None if found.status_code == 200 else found.json()["code"]
        assert code == refusal, (found.status_code, found.text[:300])
        return refusal is None

    def _agrees(self, model: Model) -> None:
        LicenseMachine.steps += 1
        told = self.house.get(self.provider, f"/v1/licenses/{model.id}").json()
        state = model.state(self.clock.now)
        expected = {
            "state": state,
            "valid": state == "active",
            "reason": "license_valid" if state == "active" else f"license_{state}",
            "customer_id": self.customers[model.holder].id,
            "entitlements": list(model.entitlements),
            "expires_at": model.end,
            "first_used_at": model.first_use,
            "valid_for_days": model.days,
            "downloads": model.downloads,
            "predictions": model.predictions,
            "transfers": model.transfers,
        }
        for name in ("expires_at", "first_used_at"):
            told[name] = told[name] and datetime.fromisoformat(told[name])
        assert {name: told[name] for name in expected} == expected


@pytest.fixture
def clock() -> Iterator[MovingClock]:
    with moving_clock() as moving:
        yield moving


def run(house: House, clock: MovingClock, *, examples: int, steps: int) -> int:
    LicenseMachine.steps = 0
    run_state_machine_as_test(
        lambda: LicenseMachine(house, clock),
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    return LicenseMachine.steps


def test_500_steps_of_licenses_go_as_the_model_says(house: House, clock: MovingClock) -> None:
    assert run(house, clock, examples=16, steps=50) >= 500


@pytest.mark.nightly
def test_10000_steps_of_licenses_go_as_the_model_says(each_house: House, clock: MovingClock) -> None:
    assert run(each_house, clock, examples=140, steps=100) >= 10_000
