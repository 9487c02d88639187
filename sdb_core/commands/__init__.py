"""The commands of `python -m sdb_core`, a file for each purpose."""
