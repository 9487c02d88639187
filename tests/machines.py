"""Running a state machine of hypothesis for a number of steps: each rule, and its comparison with the model, is one."""

from collections.abc import Callable
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

CI_STEPS, NIGHTLY_STEPS = 500, 10_000
_STEPS_EACH = 50
_BEFORE_THE_FIRST = 2  # invariants are looked at as the machine is made and as it is initialised

Step = TypeVar("Step", bound=Callable[..., Any])


class Machine(RuleBasedStateMachine):
    """Counts its steps in the class, over all runs."""

    steps = 0

    def __init__(self) -> None:
        super().__init__()
        self.count_steps()

    def count_steps(self) -> None:
        kind = type(self)
        before = self.check_invariants
        checks = 0

        def counting(*given: Any, **named: Any) -> None:
            nonlocal checks
            checks += 1
            kind.steps += checks > _BEFORE_THE_FIRST
            before(*given, **named)

        self.check_invariants = counting  # type: ignore[method-assign]


def run(machine: type[Machine], steps: int, **given: Any) -> int:
    """Run the machine, with `given` as its class attributes, for so many steps at least; how many they were.

    The short form is the same each time; the long one is not, and shortens what it finds.
    """
    bound = type(machine.__name__, (machine,), given)
    with_settings = settings(
        max_examples=-(-steps // _STEPS_EACH) if steps <= CI_STEPS else 100,
        stateful_step_count=_STEPS_EACH,
        derandomize=steps <= CI_STEPS,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate,) if steps <= CI_STEPS else (Phase.generate, Phase.shrink),
        print_blob=True,
    )
    while bound.steps < steps:
        run_state_machine_as_test(bound, settings=with_settings)
    return bound.steps
