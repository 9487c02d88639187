"""The floor under both faces of the service: settings, database, lifecycle, storage, sealing, messages."""

__version__ = "0.1.0"
