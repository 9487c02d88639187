"""The Markdown page: our numbers beside the paper's, for every scale that has results."""

import json
from pathlib import Path
from typing import Any

from bench.paper_tables.paper import SETUP, SOUGHT
from bench.paper_tables.readings import reading
from bench.paper_tables.watch import spell

_ORDER = ("paper", "small", "smoke")
_HEAD = """\
# The paper's tables, measured again

Ye et al., *Safe Distillation Box*, AAAI 2022 (arXiv 2112.03695). Written by `python -m bench.paper_tables`; every
number and every reading is computed from the result files beside this page.
"""
_HOW = """\
**How to read.** Test accuracy in percent, mean +- sample deviation over the seeds (each with its own original, key,
box and students); in brackets, points over the same student without a teacher, seed by seed. "closed": taught on x;
"open": on x~ with the key. *collapsed*: the box lost a quarter or more of the original's accuracy on the training
images, and the service would refuse it; its numbers stand here all the same. The last column is the paper's.
"""
Result = dict[str, Any]


def read_results(folder: Path) -> list[Result]:
    """The result files in a folder, the largest scale first."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("paper_tables_*.json"))]
    return sorted(found, key=lambda result: _ORDER.index(result["scale"]))


def rendered(results: list[Result]) -> str:
    """The page."""
    parts = [_HEAD, f"**The paper's figures.**\n{SOUGHT}\n", f"{SETUP}\n", _HOW]
    absent = [name for name in _ORDER if name not in {result["scale"] for result in results}]
    parts += [f"Not run yet: the scale{'s' if len(absent) > 1 else ''} `{'` and `'.join(absent)}`.\n"] if absent else []
    return "\n".join(parts + [_scale(result) for result in results]).rstrip() + "\n"


def _scale(result: Result) -> str:
    lines = [
        f"## Scale `{result['scale']}`\n",
        f"{result['words'][0].upper()}{result['words'][1:]}.\n",
        *_origins(result),
    ]
    return "\n".join([*lines, "", *(_table(table, result) for table in result["tables"])])


def _origins(result: Result) -> list[str]:
    lines = [f"- Data, {role}: {_data(told)}" for role, told in result["data"].items()]
    if result["data"].get("first") == result["data"].get("second"):
        lines[-1] = (
            "- Data, second: **a stand-in**, the first again: Table 2 tries its settings (T = 20), not CIFAR-100."
        )
    share = result["epochs_share"]
    fewer = [f"only {100 * share:g}% of this scale's epochs"] if share != 1 else []
    lines.append(f"- Differs from the paper: {'; '.join([*fewer, *result['differs']])}.")
    missing = {number: count for number, count in result["missing"].items() if count}
    state = f"numbers still missing, by table: {missing}" if missing else "all that it asks for is there"
    lines.append(f"- Run: `{result['command']}`; {state}.")
    lines.append(
        f"- {result['trainings']} trainings in {spell(result['training_seconds'])} (processor time "
        f"{spell(result['processor_seconds'])}), {' and '.join(result['devices'])}; "
        f"{result['seeds']} seed{'s' if result['seeds'] > 1 else ''}; PyTorch {result['versions']['torch']}, "
        f"Python {result['versions']['python']}; code {', '.join(result['code_versions'])}."
    )
    return lines


def _data(told: Result) -> str:
    shape = "x".join(map(str, told["shape"]))
    source = "" if told["source"] == "given" else f"{told['source']}, "
    return (
        f"{source}{told['train']:,} of {told['train_of']:,} training images, {told['test']:,} of {told['test_of']:,} "
        f"test images, {told['classes']} classes, {shape}, SHA-256 {told['sha256'][:12]}"
    )


def _table(table: Result, result: Result) -> str:
    title = f"### Table {table['number']}: {table['title']}\n"
    if not any(cell["seeds"] or cell["diverged"] for row in table["rows"] for cell in row["cells"].values()):
        why = (
            "not measured at this scale yet"
            if table["data"] in result["data"]
            else "not run: give --second a CIFAR-100"
        )
        return f"{title}\n*{why}.*\n"
    columns = table["columns"]
    lines = [title, f"{table['about']}\n", f"| | {' | '.join(columns)} | paper |", "|---" * (len(columns) + 2) + "|"]
    for row in table["rows"]:
        cells = [_shown(row["cells"][name]) if name in row["cells"] else "-" for name in columns]
        lines.append(f"| {row['label']} | {' | '.join(cells)} | {_paper(row)} |")
    sentence = reading(table)
    return "\n".join([*lines, *(["", f"*Reading.* {sentence}"] if sentence else []), ""])


def _shown(cell: Result) -> str:
    tried = cell["seeds"] + cell["diverged"]
    if not tried:
        return ""
    text = "" if cell["mean"] is None else f"{cell['mean']:.1f}"
    if cell["std"] is not None:
        text += f" +- {cell['std']:.1f}"
    if (over := cell.get("over_scratch")) and over["mean"] is not None:
        text += f" ({over['mean']:+.1f})"
    for outcome in ("collapsed", "diverged"):
        if cell[outcome]:
            text += f" *{outcome}{f' {cell[outcome]} of {tried}' if tried > 1 else ''}*"
    return text.strip()


def _paper(row: Result) -> str:
    """The paper's figures for a row; empty where none was found."""
    known = [
        f"{column} ({cell['paper_over_scratch']:+.2f})"
        for column, cell in row["cells"].items()
        if "paper_over_scratch" in cell
    ]
    return ", ".join(known)
