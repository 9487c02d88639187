"""The panel's page: computed from the rows, and true where a seed lacks an attack or a collapsed box."""

from bench.panel_page import picture, section


def _attack(accuracy, floor, holds="nothing"):
    return {"holds": holds, "accuracy": accuracy, "floor": floor, "leak": None}


def _row(seed, *, closed, attacks, sdb):
    students = {"scratch": 50.0, "label_smoothing": 51.0, "original_labels": 50.5, "from_original": 52.0}
    return {
        "seed": seed,
        "accuracy": {"original": 70.0, "closed": closed, "open": 70.5},
        "students": {**students, "closed": 46.0, "open": 53.0},
        "attacks": attacks,
        "sdb": sdb,
        "code_version": "1+abc",
    }


def _result(rows):
    task = {
        "name": "toy",
        "net": "sdb:cnn",
        "student": "sdb:cnn-strided",
        "train": 2500,
        "students": 1,
        "level": "full",
    }
    facts = {"task": {**task, "wrap": {}, "hardened": {}}, "versions": {"torch": "2"}, "device": "cpu"}
    return facts | {"per_seed": rows}


ROWS = [
    _row(0, closed=69.0, attacks={"htc": _attack(51.0, 51.0), "scm": _attack(52.0, 51.0)}, sdb={"closed": 60.0}),
    _row(1, closed=71.0, attacks={"htc": _attack(49.0, 51.0)}, sdb={"collapsed": "it fell"}),
]


def test_the_page_has_means_errors_and_each_seed():
    page = section(_result(ROWS))
    assert "| box, without the key | 70.0 ± 1.0 | 60.0 ± 0.0 |" in page
    assert "| 0 | 70.0 | -1.0 | +4.0 | +1.0 |" in page
    assert "| `htc` | nothing | 50.0 ± 1.0 | 51.0 ± 0.0 | -1.00 ± 1.00 |" in page


def test_the_papers_column_says_over_how_many_seeds_it_is():
    unfinished = {name: value for name, value in ROWS[0].items() if name != "sdb"} | {"seed": 2}
    assert "| | `sdb-hardened` | `sdb` (the paper) |" in section(_result(ROWS))
    assert "| | `sdb-hardened` | `sdb` (the paper), 2 seeds |" in section(_result([*ROWS, unfinished]))


def test_an_attack_that_a_seed_lacks_says_over_how_many_it_is():
    page = section(_result(ROWS))
    assert "| `scm` (in 1 of 2 seeds) | nothing | 52.0 ± 0.0 | 51.0 ± 0.0 | +1.00 ± 0.00 |" in page
    assert page.index("`scm`") < page.index("`htc`")  # the strongest first


def test_the_picture_has_a_column_for_each_task_and_a_row_for_each_attack_without_key_and_weights():
    weights = {"key-recovery": _attack(60.0, 51.0, holds="weights")}
    other = _result([_row(0, closed=69.0, attacks={**ROWS[0]["attacks"], **weights}, sdb={})])
    other["task"]["name"] = "other"
    drawn = picture([_result(ROWS), other])
    assert [axes.get_xlabel() for axes in drawn.figure.axes] == [
        "toy: points over the floor",
        "other: points over the floor",
    ]
    assert [label.get_text() for label in drawn.figure.axes[0].get_yticklabels()] == ["scm", "htc"]
