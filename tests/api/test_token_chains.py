"""Tokens that make tokens that make tokens: none ever may more, or lasts longer, than the one it came from."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.policy import SCOPES
from sdb_service import clock
from tests.api.seeding import House, Person

pytestmark = pytest.mark.trust

FEW = ("tokens:write", "models:read", "predict")
WISHES = st.fixed_dictionaries(
    {"name": st.just("x")},
    optional={
        "scopes": st.none()
        | st.lists(st.sampled_from(FEW), min_size=1, max_size=3).map(lambda few: ["tokens:write", *few]),
        "expires_at": st.none() | st.integers(60, 240).map(lambda s: (clock.now() + timedelta(seconds=s)).isoformat()),
        "rank": st.none() | st.sampled_from(["owner", "member"]),
    },
)


def scopes_of(token: dict[str, Any]) -> set[str]:
    return set(SCOPES if token["scopes"] is None else token["scopes"])


def end_of(token: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(token["expires_at"] or "9999-12-31T00:00:00+00:00")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wishes=st.lists(WISHES, min_size=1, max_size=5))
def test_no_chain_of_tokens_leads_to_one_that_may_more(
    house: House, provider: Person, wishes: list[dict[str, Any]]
) -> None:
    who, last = provider, {"scopes": None, "expires_at": None, "rank": "owner"}
    for wish in wishes:
        answer = house.post(who, "/v1/tokens", wish)
        wants_more = (
            not scopes_of({"scopes": None} | wish) <= scopes_of(last)
            or end_of({"expires_at": None} | wish) > end_of(last)
            or (last["rank"] == "member" and wish.get("rank") == "owner")
        )
        is_all = last["scopes"] is not None and wish.get("scopes") is None

        assert answer.status_code == (422 if wants_more or is_all else 201), answer.text
        if answer.status_code == 201:
            made = answer.json()
            assert scopes_of(made) <= scopes_of(last)
            assert end_of(made) <= end_of(last)
            assert (last["rank"], made["rank"]) != ("member", "owner")
            who, last = Person(provider.id, {"Authorization": f"Bearer {made['token']}"}), made
