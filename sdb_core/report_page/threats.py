"""The threat model: who is expected to attack, what each has and may see, and what is wanted against them."""

from sdb_core.evidence import NOTHING, PART, WEIGHTS, Evidence
from sdb_core.report_page.parts import Column, row, table

_COLUMNS = (
    Column("Who", number=False),
    Column("Has", number=False),
    Column("Sees", number=False),
    Column("Wanted", number=False),
    Column("Attacks here"),
)
_CAPTION = (
    "A thief wants a student that is right more often than one taught by right labels at the same budget (the floor). "
    "All are taken to know how boxes are made, the share at which a key is blended in, the normalisation and how "
    "students are best taught; none has the original or the numbers that a wrap draws by chance."
)
_SEEN = "answers about any inputs, in the form that each row names"
_ROWS = (
    (
        "Anyone who may ask",
        "images of the task with their labels, unless the row says otherwise",
        _SEEN,
        "no more than the floor: judged as robustness",
        NOTHING,
    ),
    ("Who has a part of the key", "the same, and some pixels of the key", _SEEN, "shown, not judged", PART),
    (
        "Who holds the box's weights",
        "the same, and the weights, but no key",
        "all that the network computes",
        "not stopped: shown, not judged",
        WEIGHTS,
    ),
)
_CUSTOMERS = (
    (
        "A customer with the key",
        "the key and images of the task",
        "answers about inputs with the key",
        "to learn as from the original: judged as effectiveness. Who passes the key on, passes on all that it opens",
        "0",
    ),
    (
        "A customer with a hosted license",
        "images of the task, no key",
        "answers about inputs into which the service blended the key",
        "the same; whether the key can be computed from these answers was not tried",
        "0",
    ),
)


def table_of(evidence: Evidence) -> str:
    """Each kind of attacker, with how many attacks of this report are theirs."""
    rows = []
    for *cells, holding in _ROWS:
        count = sum(each.holds == holding for each in evidence.attacks)
        rows.append(row(_COLUMNS, (*cells, str(count))))
    rows += [row(_COLUMNS, cells) for cells in _CUSTOMERS]
    return table(_COLUMNS, rows, caption=_CAPTION, mark="words")
