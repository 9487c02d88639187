"""Values without which there is no method: each is refused by name before any work, wherever it comes in."""

import json
import math

import pytest
import torch

from sdb_core.__main__ import main
from sdb_core.errors import InvalidSettings, TrainingDiverged
from sdb_core.settings import POLICIES, StudentSettings, WrapSettings
from sdb_core.settings.presets import PRESETS
from sdb_core.training import Run
from sdb_core.wrapping import wrap

NO_FLOAT = 10**400  # JSON may carry it, and no float can hold it
NOT_A_SHARE = (0, 0.0, 1, 1.0, -0.5, 1.5, math.nan, math.inf, "0.5", None, True, NO_FLOAT)
NOT_ABOVE_ZERO = (0, 0.0, -1, -4.0, math.nan, math.inf, -math.inf, "4", None, True, NO_FLOAT)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("lam", NOT_A_SHARE)
def test_a_lambda_outside_zero_to_one_is_refused_by_every_policy(policy, lam):
    with pytest.raises(InvalidSettings, match=r"^lam is .*above 0 and below 1\.$"):
        WrapSettings.for_policy(policy, {"lam": lam})


@pytest.mark.parametrize("heat", NOT_ABOVE_ZERO)
def test_a_temperature_that_is_not_above_zero_is_refused(heat):
    for make in (
        lambda: WrapSettings.for_policy("sdb", {"temperature": heat}),
        lambda: StudentSettings(temperature=heat),
    ):
        with pytest.raises(InvalidSettings, match=r"^temperature is .*above 0\.$"):
            make()


@pytest.mark.parametrize("name", ["omega", "eta", "aug_temperature", "closed_ce", "open_weight"])
@pytest.mark.parametrize("value", [-1, math.nan, math.inf, "1", None, NO_FLOAT])
def test_a_weight_that_is_no_number_from_zero_up_is_refused(name, value):
    with pytest.raises(InvalidSettings, match=rf"^{name} is .*at least 0\.$"):
        WrapSettings.for_policy("sdb", {name: value})


@pytest.mark.parametrize("name", ["epochs", "min_steps", "batch_size", "accumulate", "open_copies"])
def test_a_count_that_nothing_can_count_to_is_refused_in_one_line(name):
    with pytest.raises(InvalidSettings, match=rf"^{name} is 1000.*at most 2,147,483,647\.$") as caught:
        WrapSettings.for_policy("sdb", {name: NO_FLOAT})
    assert len(caught.value.message) < 200


@pytest.mark.parametrize("policy", POLICIES)
def test_a_setting_that_does_not_exist_is_refused_by_every_policy(policy):
    with pytest.raises(InvalidSettings, match="did you mean 'temperature'"):
        WrapSettings.for_policy(policy, {"temperatur": 4.0})


@pytest.mark.parametrize(
    ("policy", "name", "value", "readers"),
    [
        ("sdb-hardened", "omega", 0.5, "sdb or ke or nasty or nasty-ke"),
        ("sdb", "caution", 0.2, "sdb-hardened"),
        ("nasty", "eta", 0.5, "sdb or ke"),
        ("nasty", "open_ce", 2.0, "sdb-hardened or sdb or ke or nasty-ke"),
        ("normal", "disturbance", False, "sdb or ke"),
    ],
)
def test_a_setting_that_only_other_policies_read_is_refused_with_their_names(policy, name, value, readers):
    with pytest.raises(InvalidSettings, match=rf"^{name} changes nothing under the policy {policy}; .* {readers}\.$"):
        WrapSettings.for_policy(policy, {name: value})


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("name", [None, *PRESETS])
def test_what_a_policy_was_made_with_makes_it_again(policy, name):
    settings = WrapSettings.for_policy(policy, {"preset": name} if name else {})
    assert WrapSettings.for_policy(policy, settings.to_dict()) == settings


@pytest.mark.parametrize("policy", ["sdb", "nasty", "nasty-ke"])
def test_an_omega_beyond_all_numbers_ends_the_wrap_with_its_code(splits, key, architecture, policy):
    settings = WrapSettings.for_policy(policy, {"epochs": 1, "batch_size": 32, "omega": 1e300})
    torch.manual_seed(0)
    original = architecture.build()
    with pytest.raises(TrainingDiverged, match=r"lower lr \(or omega") as caught:
        wrap(original, splits.train, key, policy=policy, settings=settings, architecture=architecture, run=Run("w", 0))
    assert caught.value.code == "training_diverged"


@pytest.mark.parametrize(
    ("values", "code"),
    [
        (("omega=1e300", "epochs=1"), "training_diverged"),
        (("omega=1000", "epochs=2"), "box_collapsed"),
        (("lam=1", "epochs=1"), "invalid_settings"),
        (("temperature=0", "epochs=1"), "invalid_settings"),
    ],
)
def test_a_wrap_that_fails_from_a_shell_says_its_code_and_leaves_no_box(tmp_path, capsys, values, code):
    torch.manual_seed(0)
    model, box = tmp_path / "model.safetensors", tmp_path / "box"
    assert main(["train", "--out", str(model), "--set", "epochs=2", "--json"]) == 0
    capsys.readouterr()
    settings = [f"--set={value}" for value in values]
    assert main(["wrap", "--model", str(model), "--out", str(box), "--policy", "sdb", "--json", *settings]) == 1
    assert json.loads(capsys.readouterr().out)["error"]["code"] == code
    assert not box.exists() or not list(box.iterdir())
