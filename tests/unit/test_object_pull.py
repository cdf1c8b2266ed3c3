"""Gets in threads, where the store is not as it should be; what a real store answers is tested in integration."""

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from proto.errors import Unavailable
from services.chassis.object_pull import ObjectPull
from services.chassis.object_store import ObjectNotFound
from services.chassis.settings import BackendSettings

BUSY = b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\n\r\n"
MISSING = b"<Error><Code>NoSuchKey</Code></Error>"
ABSENT = b"HTTP/1.1 404 Not Found\r\nContent-Length: %d\r\n\r\n%s" % (len(MISSING), MISSING)
FOUND = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbyte"
REFUSED = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 36\r\n\r\n<Error><Code>AccessDenied</Code></E>\n"[:-1]


class Server:
    """Answers each request with the next answer of a list; says nothing more once they are used up."""

    def __init__(self) -> None:
        self.answers: list[bytes] = []
        self.requests: list[bytes] = []
        self.asked = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                while (request := connection.recv(65536)) != b"":
                    self.requests.append(request)
                    self.asked.set()
                    if self.answers:
                        connection.sendall(self.answers.pop(0))

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture
def pull(server: Server) -> Iterator[ObjectPull]:
    pull = ObjectPull(BackendSettings(s3_endpoint=server.url))
    yield pull
    pull.close()


def test_store_that_is_overloaded_is_asked_again_on_the_same_connection(server: Server, pull: ObjectPull) -> None:
    server.answers = [BUSY, BUSY, FOUND]
    assert pull.get("runs/a.jpg") == b"byte"
    assert len(server.requests) == 3
    assert all(request.startswith(b"GET /krabbel/runs/a.jpg HTTP/1.1\r\n") for request in server.requests)
    assert b"AWS4-HMAC-SHA256" in server.requests[0]


def test_object_that_is_not_there_is_said_so_at_once(server: Server, pull: ObjectPull) -> None:
    server.answers = [ABSENT]
    with pytest.raises(ObjectNotFound, match=r"runs/a\.jpg"):
        pull.get("runs/a.jpg")


def test_refusal_is_named(server: Server, pull: ObjectPull) -> None:
    server.answers = [REFUSED]
    with pytest.raises(Unavailable, match="AccessDenied"):
        pull.get("runs/a.jpg")


def test_store_that_is_away_is_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(Unavailable, match="away"):
        ObjectPull(BackendSettings(s3_endpoint=f"http://127.0.0.1:{port}")).get("a")


def test_closing_ends_a_get_that_waits_for_its_answer(server: Server, pull: ObjectPull) -> None:
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(pull.get, "runs/a.jpg")
        assert server.asked.wait(10)
        pull.close()
        with pytest.raises(Unavailable):
            waiting.result(timeout=10)
    with pytest.raises(Unavailable, match="stops"):
        pull.get("runs/a.jpg")
