"""How surely a traced key is attributed: leaks of one license, collusions of several, and keys of nobody.

    python -m bench.tracing [--repeats 200] [--trials 10000] [--out bench/results/tracing.json]

Needs numpy alone. Keys, marks and scores are those of `sdb_service.tracing`, with 100 licenses for each box and five
boxes; noise and shares are in deviations of a key. `found`: how often at least one guilty license was accused; `each`:
the share of the guilty that were; `innocents`: accusations of licenses that had no part in it, over all repeats;
`z`: the mean score of the best guilty license.
"""

import argparse
import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sdb_service import tracing
from sdb_service.secret import Secret

Array = npt.NDArray[Any]
SHAPES = {"3x32x32": (3, 32, 32), "1x28x28": (1, 28, 28), "1x8x8": (1, 8, 8)}
SHARES = (0.05, 0.1, 0.15, 0.3)
NOISE = (0.0, 0.25, 0.5, 1.0, 2.0)
LICENSES, BOXES = 100, 5
SCALE = {3: ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)), 1: ((0.3,), (0.35,))}


@dataclass(frozen=True, eq=False)
class Box:
    """A key, the marks of a hundred licenses [M, C, H, W], and pixels both ways."""

    kappa: Array
    marks: Array
    mean: Array
    std: Array
    random: np.random.Generator = field(repr=False)

    @staticmethod
    def drawn(shape: tuple[int, ...], *, seed: int) -> "Box":
        random = np.random.default_rng(seed)
        mean, std = (np.array(values)[:, None, None] for values in SCALE[shape[0]])
        secret = Secret(random.bytes(32))
        marks = np.stack([tracing.mark_of(secret, f"lic_{number}", shape) for number in range(LICENSES)])
        kappa = ((random.random(shape) - mean) / std).astype(np.float32)
        return Box(kappa, marks, mean, std, random)

    def given_out(self, license_: int, share: float) -> Array:
        """The key of one license."""
        return tracing.marked(self.kappa, self.marks[license_], std=self.std.ravel().tolist(), share=share)

    def noise(self, size: float) -> Array:
        return size / math.sqrt(12) / self.std * self.random.normal(size=self.kappa.shape)

    def pixels(self, key: Array) -> Array:
        return key * self.std + self.mean

    def key(self, pixels: Array) -> Array:
        return (pixels - self.mean) / self.std

    def scores(self, found: Array) -> Array:
        """z of every license [M]."""
        return np.tensordot(self.marks, tracing.residual(found.astype(np.float32), self.kappa), axes=3)


def eight_bits(box: Box, key: Array) -> Array:
    """What a PNG keeps."""
    return box.key(np.round(box.pixels(key).clip(0, 1) * 255) / 255)


def clipped(box: Box, key: Array) -> Array:
    return box.key(box.pixels(key).clip(0.15, 0.85))


def scaled(box: Box, key: Array) -> Array:
    return box.key(0.8 * box.pixels(key) + 0.1)


def replaced(box: Box, key: Array) -> Array:
    """Half of the places drawn anew."""
    drawn = box.key(box.random.random(key.shape))
    return np.where(box.random.random(key.shape[1:]) < 0.5, drawn, key)


TAMPERED: dict[str, Callable[[Box, Array], Array]] = {
    "8 bits": eight_bits,
    "clipped to [0.15, 0.85]": clipped,
    "scaled by 0.8": scaled,
    "half replaced": replaced,
    "noise 0.5, 8 bits": lambda box, key: eight_bits(box, key + box.noise(0.5)),
}
COLLUSIONS: dict[str, Callable[[Box, Array], Array]] = {
    "average": lambda _, keys: keys.mean(axis=0),
    "median": lambda _, keys: np.median(keys, axis=0),
    "middle of the extremes": lambda _, keys: (keys.min(axis=0) + keys.max(axis=0)) / 2,
    "greatest": lambda _, keys: keys.max(axis=0),
    "each pixel from one": lambda box, keys: np.take_along_axis(
        keys, box.random.integers(0, len(keys), (1, *keys.shape[1:])), axis=0
    )[0],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--out", type=Path, default=Path("bench/results/tracing.json"))
    given = parser.parse_args()
    started = time.monotonic()
    rows = [row for name in SHAPES for row in leaks(name, repeats=given.repeats)]
    rows += list(collusions("3x32x32", repeats=given.repeats))
    result = {
        "command": f"python -m bench.tracing --repeats {given.repeats} --trials {given.trials}",
        "licenses": LICENSES,
        "accused_where_false_accusation_at_most": tracing.LIMIT,
        "z_needed": round(math.sqrt(2 * math.log(LICENSES / tracing.LIMIT)), 2),
        "leaks": rows,
        "keys_of_nobody": [nobody(name, trials=given.trials) for name in SHAPES],
        "seconds": round(time.monotonic() - started, 1),
    }
    given.out.write_text(json.dumps(result, indent=1) + "\n")


def leaks(name: str, *, repeats: int) -> Iterator[dict[str, Any]]:
    """One license leaks its key, changed."""
    for share in SHARES:
        ways = {f"noise {size}": lambda box, key, size=size: key + box.noise(size) for size in NOISE}
        for way, change in (ways | TAMPERED).items():
            found = measured(name, share=share, guilty=1, repeats=repeats, leak=lambda b, k, c=change: c(b, k[0]))
            yield {"input": name, "share": share, "guilty": 1, "leak": way} | found


def collusions(name: str, *, repeats: int) -> Iterator[dict[str, Any]]:
    """Several licenses make one key of theirs, and add noise."""
    for guilty in (2, 3, 5, 10):
        for way, join in COLLUSIONS.items():
            for size in NOISE[:-1]:
                leak = lambda b, k, j=join, s=size: j(b, k) + b.noise(s)  # noqa: E731
                found = measured(name, share=tracing.SHARE, guilty=guilty, repeats=repeats, leak=leak)
                yield {"input": name, "share": tracing.SHARE, "guilty": guilty, "leak": f"{way}, noise {size}"} | found


def measured(
    name: str, *, share: float, guilty: int, repeats: int, leak: Callable[[Box, Array], Array]
) -> dict[str, float]:
    """Leak again and again from five boxes, and hold what is found against their licenses."""
    boxes = [Box.drawn(SHAPES[name], seed=seed) for seed in range(BOXES)]
    one, each, innocents, best = 0, 0.0, 0, []
    for turn in range(repeats):
        box = boxes[turn % BOXES]
        leakers = box.random.choice(LICENSES, guilty, replace=False)
        z = box.scores(leak(box, np.stack([box.given_out(leaker, share) for leaker in leakers])))
        accused = {number for number in range(LICENSES) if is_accused(z[number])}
        one += bool(accused & set(leakers))
        each += len(accused & set(leakers)) / guilty
        innocents += len(accused - set(leakers))
        best.append(z[leakers].max())
    return {
        "found": round(one / repeats, 3),
        "each": round(each / repeats, 3),
        "innocents": innocents,
        "z": round(float(np.mean(best)), 1),
    }


def is_accused(z: float) -> bool:
    return tracing.false_accusation(float(z), licenses=LICENSES) <= tracing.LIMIT


def nobody(name: str, *, trials: int) -> dict[str, Any]:
    """Scores of innocents: another's leak in all its forms, and keys that nobody was given."""
    boxes = [Box.drawn(SHAPES[name], seed=100 + seed) for seed in range(BOXES)]
    changes = [
        *TAMPERED.values(),
        lambda box, key: key + box.noise(1.0),
        lambda box, key: box.key(box.pixels(key) ** 2),
    ]
    found: dict[str, list[Array]] = {"leaks of another": [], "random keys": []}
    for turn in range(trials):
        box = boxes[turn % BOXES]
        leaker = turn % LICENSES
        leaked = changes[turn % len(changes)](box, box.given_out(leaker, tracing.SHARE))
        found["leaks of another"].append(np.delete(box.scores(leaked), leaker))
        found["random keys"].append(box.scores(box.key(box.random.random(box.kappa.shape))))
    return {"input": name, "trials": trials} | {kind: tail(np.stack(z)) for kind, z in found.items()}


def tail(z: Array) -> dict[str, Any]:
    """How often innocents score high [trials, licenses], beside Gauss and the bound."""
    shares = {
        f"above {level}": {
            "measured": float((z > level).mean()),
            "gauss": math.erfc(level / math.sqrt(2)) / 2,
            "bound": math.exp(-(level**2) / 2),
        }
        for level in (2.0, 3.0, 4.0, 5.0)
    }
    accused = sum(is_accused(value) for value in z[z > 5])
    return {"scores": z.size, "highest": round(float(z.max()), 2), "accused": accused} | shares


if __name__ == "__main__":
    main()
