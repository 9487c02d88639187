"""The floor under both faces, on SQLite and on Postgres, on a folder and on a bucket."""
