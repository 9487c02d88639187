"""Whatever is done to a sealed value, in every form there is, it is refused, and the refusal is always the same."""

import random
from collections.abc import Iterator

import pytest

from sdb_service.errors import SealBroken
from sdb_service.sealing import derive, key_context, unseal
from sdb_service.secret import Secret
from tests.service.sealing_forms import FORMS, Form, opened_form

pytestmark = pytest.mark.trust

ROWS = 50
FLIPS = 1000
KAPPA = Secret(bytes(range(96)))


@pytest.fixture(scope="module", params=FORMS)
def form(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Form]:
    with opened_form(request.param, tmp_path_factory.mktemp(request.param)) as opened:
        yield opened


def context_of(row: int) -> str:
    return key_context(account_id=f"acc_{row % 5}", box_id=f"box_{row % 7}", key_id=f"key_{row}", version=1 + row % 2)


def refused(form: Form, sealed: bytes, context: str) -> str | None:
    """The whole refusal as a caller sees it, or None where the value opened."""
    try:
        unseal(sealed, context=context, keys=form.keys)
    except SealBroken as broken:
        return f"{broken.code}: {broken.detail}"
    return None


def test_what_was_sealed_opens_in_its_own_row(form: Form) -> None:
    sealed = form.seal(KAPPA, context_of(0))
    assert unseal(sealed, context=context_of(0), keys=form.keys) == KAPPA
    assert len(derive(sealed, context=context_of(0), label="a", keys=form.keys)) == 32


def test_no_value_of_fifty_rows_opens_in_the_row_of_another(form: Form, request: pytest.FixtureRequest) -> None:
    is_slow = "aws-kms" in request.node.callspec.id
    assert_no_swap_opens(form, every=7 if is_slow else 1)


@pytest.mark.nightly
@pytest.mark.parametrize("form", ["aws-kms"], indirect=True)
def test_no_value_of_fifty_rows_opens_in_the_row_of_any_other(form: Form) -> None:
    assert_no_swap_opens(form, every=1)


def assert_no_swap_opens(form: Form, *, every: int) -> None:
    sealed = [form.seal(KAPPA, context_of(row)) for row in range(ROWS)]
    swaps = [(taken, row) for taken in range(ROWS) for row in range(ROWS) if taken != row][::every]
    found = [refused(form, sealed[taken], context_of(row)) for taken, row in swaps]
    assert len(found) == ROWS * (ROWS - 1) // every
    assert set(found) == {f"{SealBroken().code}: {SealBroken().detail}"}


def test_no_value_with_a_flipped_bit_opens(form: Form) -> None:
    sealed, chance = form.seal(KAPPA, context_of(0)), random.Random(5)
    found = []
    for bit in (chance.randrange(len(sealed) * 8) for _ in range(FLIPS)):
        changed = bytearray(sealed)
        changed[bit // 8] ^= 1 << bit % 8
        found.append(refused(form, bytes(changed), context_of(0)))
    assert len(found) == FLIPS
    assert set(found) == {f"{SealBroken().code}: {SealBroken().detail}"}


def test_no_cut_or_lengthened_value_opens(form: Form) -> None:
    sealed = form.seal(KAPPA, context_of(0))
    cuts = [sealed[:length] for length in range(0, len(sealed), 7)]
    assert None not in [refused(form, cut, context_of(0)) for cut in [*cuts, sealed + b"\0", b"\0" + sealed]]


def test_the_head_of_one_value_does_not_go_with_the_body_of_another(form: Form) -> None:
    first, second = (form.seal(KAPPA, context_of(0)) for _ in range(2))
    body = 12 + len(KAPPA) + 16
    assert refused(form, first[:-body] + second[-body:], context_of(0)) is not None
