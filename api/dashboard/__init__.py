"""The dashboard: pages for people, on the same services and queries as the API."""
