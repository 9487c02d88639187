"""Whether this worker process was told to stop: work in progress is given back instead of lost."""

import threading

SHUTDOWN = threading.Event()
