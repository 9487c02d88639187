"""The child: opens what providers uploaded, trains, exports. It sees no network, no database and no credentials."""
