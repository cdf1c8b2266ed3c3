"""Is it ready? Questions that a starting server is asked, many times a second. They answer, and never raise."""

import http.client
import json
import socket
from typing import Any

TIMEOUT_S = 3.0


def answers_tcp(port: int, host: str = "127.0.0.1") -> bool:
    """Whether something listens."""
    try:
        with socket.create_connection((host, port), timeout=TIMEOUT_S):
            return True
    except OSError:
        return False


def answers_amqp(port: int) -> bool:
    """Whether a broker answers the protocol header with its Connection.Start frame.

    RabbitMQ opens this port last in its start, so the answer means that it takes connections.
    """
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S) as connection:
            connection.settimeout(TIMEOUT_S)
            connection.sendall(b"AMQP\x00\x00\x09\x01")
            return connection.recv(1) == b"\x01"
    except OSError:
        return False


def answers_http(port: int, path: str = "/") -> bool:
    """Whether an HTTP GET is answered with 2xx."""
    return http_status(port, path) // 100 == 2


def get_json(port: int, path: str) -> dict[str, Any] | None:
    """Return the JSON object of a GET, whatever its status; None when there is none."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S + 1)
    try:
        connection.request("GET", path)
        answer = json.loads(connection.getresponse().read())
    except (OSError, ValueError, http.client.HTTPException):
        return None
    else:
        return answer if isinstance(answer, dict) else None
    finally:
        connection.close()


def readiness_trouble(port: int) -> str:
    """Return what a service of ours says it waits for; nothing when it is ready."""
    answer = get_json(port, "/readyz")
    if answer is None:
        return "does not answer"
    checks = answer.get("checks", {}) if answer.get("status") != "ready" else {}
    return ", ".join(f"{check} {says}" for check, says in checks.items() if says != "ok")


def http_status(port: int, path: str = "/", host: str = "127.0.0.1") -> int:
    """Return the status of a GET, 0 when nobody answers."""
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()
