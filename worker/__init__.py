"""The worker: a supervisor that knows the database and never opens a provider's bytes, and a child that does."""
