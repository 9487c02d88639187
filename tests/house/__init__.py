"""The house rules that a machine can keep: sizes, directions, names, and what must never be in the tree."""
