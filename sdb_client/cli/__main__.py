"""`python -m sdb_client.cli` is `sdb`."""

from sdb_client.cli import main

if __name__ == "__main__":
    main()
