"""The web face of the service, a folder per domain."""
