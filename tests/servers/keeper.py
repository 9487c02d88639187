"""Keep one server alive for as long as whoever started it: `keeper.py SIGNAL USER FOLDER COMMAND...`.

Standard input is a pipe from the test process. When it ends, by a close or by the death of its holder, the server
gets the signal that stops it cleanly, and the folder is removed. So a killed test run leaves nothing behind. USER is
who the server runs as, or empty.
"""

import os
import shutil
import signal
import subprocess
import sys
import threading

PATIENCE_SECONDS = 10


def main(stop: str, user: str, folder: str, *command: str) -> int:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group: the pipe says when it is time
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL, user=user or None)
    asked = threading.Event()
    threading.Thread(target=_stop_at_end_of_input, args=(server, signal.Signals[stop], asked), daemon=True).start()
    code = server.wait()
    if asked.is_set():  # a server that ended by itself leaves its log for whoever started it
        shutil.rmtree(folder, ignore_errors=True)
    return code


def _stop_at_end_of_input(server: "subprocess.Popen[bytes]", stop: signal.Signals, asked: threading.Event) -> None:
    while os.read(0, 1024):
        pass
    asked.set()
    server.send_signal(stop)
    try:
        server.wait(PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
