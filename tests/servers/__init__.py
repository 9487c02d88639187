"""Real servers for the tests, on free loopback ports in temporary folders: Postgres, Redis and an S3 server.

Each is a context manager that is ready when entered and gone when left, also when the tests are killed.
`profiles.py` makes settings of them, `fixtures.py` hands those to tests.
"""
