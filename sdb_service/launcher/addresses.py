"""Ports and answers: may we listen there, and does anybody answer."""

import http.client
import socket

from sdb_service.errors import Conflict


def free_port(host: str, port: int) -> int:
    """The port, or a free one where it is 0. Raises `Conflict` where it cannot be opened."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise Conflict(
                "port_taken", f"Port {port} on {host} cannot be opened ({error.strerror}); choose another with --port."
            ) from error
        found: int = probe.getsockname()[1]
    return found


def answers(host: str, port: int) -> bool:
    """Whether the web application there says that it lives."""
    connection = http.client.HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
