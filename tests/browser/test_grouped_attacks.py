"""How the attacks of a report are put in order for the page of a box."""

from api.dashboard import evidence


def test_attacks_are_grouped_by_what_they_hold_and_older_rows_find_their_group() -> None:
    def row(name: str, mean: float, **values: object) -> dict[str, object]:
        accuracy, floor = {"mean": mean, "std": 0.3, "seeds": 9}, {"mean": 90.0, "std": 0.4, "seeds": 1}
        return {"name": name, "interface": "labels", "accuracy": accuracy, "floor": floor, "leak": None} | values

    found = evidence.attacks(
        {
            "attacks": [
                row("low", 89.0),
                row("useless", 40.0),
                row("high", 91.0),
                row("opened", 95.0, interface="weights"),
                row("half", 90.0, holds="part of the key", points_over_floor=0.25, standard_error=0.125),
            ],
            "accuracy": {"closed": {"mean": 96.0, "std": 0.0, "seeds": 1}},
            "verdicts": {"robustness": {"limit": 0.5}},
        }
    )
    assert found["limit"] == 0.5
    names = {group["heading"]: [row["name"] for row in group["rows"]] for group in found["groups"]}
    assert list(names.values()) == [["high", "low", "useless"], ["half"], ["opened"]]
    rows = {row["name"]: row for group in found["groups"] for row in group["rows"]}
    assert (rows["high"]["over"], round(rows["high"]["error"], 3)) == (1.0, round((0.01 + 0.16) ** 0.5, 3))
    assert [name for name, row in rows.items() if not row["useful"]] == ["useless"]
    assert (rows["half"]["over"], rows["half"]["error"]) == (0.25, 0.125)


def test_a_weak_student_counts_where_it_beats_scratch() -> None:
    row = {"name": "weak", "interface": "labels", "accuracy": {"mean": 40.0}, "floor": {"mean": 20.0}}
    report = {"attacks": [row], "accuracy": {"closed": {"mean": 96.0}}}
    for scratch, useful in ((39.0, True), (41.0, False)):
        [group] = evidence.attacks(report | {"students": {"scratch": {"mean": scratch}}})["groups"]
        assert group["rows"][0]["useful"] is useful
