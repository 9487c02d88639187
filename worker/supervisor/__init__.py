"""The supervisor: claims rows, keeps keys, watches the child, publishes what it made. It never imports torch."""
