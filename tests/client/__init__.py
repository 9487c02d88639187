"""The SDK and the `sdb` command, against the real web application on an embedded runtime."""
