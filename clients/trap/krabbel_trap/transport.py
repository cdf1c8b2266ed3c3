"""One request to the server, and what its answer means for the run. No waiting and no retry here."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, Callable
from urllib.parse import quote

import requests
from urllib3.exceptions import NewConnectionError

from krabbel_trap.backoff import retry_after_s
from krabbel_trap.body import MultipartBody
from krabbel_trap.entry import Entry
from krabbel_trap.failpoints import reach

CONNECT_S, READ_S = 10.0, 120.0
CHANGED_ON_THE_WAY = "Krabbel-Run-Id"
"""What the server's refusal names when the bytes that came are not those that the id was made of."""


class Verdict(Enum):
    """What an answer means."""

    SENT = "sent"
    UNKNOWN = "unknown"
    """Only after asking: the server does not have the run."""
    LATER = "later"
    """The server, or the way to it, is away or busy: nothing else will pass either."""
    AGAIN = "again"
    """Something went wrong with this run; others may pass."""
    REFUSED = "refused"
    """This run will never be taken as it is."""
    MISCONFIGURED = "misconfigured"
    """The key, the address or the camera is wrong: a person has to look. Nothing is lost."""


@dataclass(frozen=True)
class Answer:
    """What came of a request."""

    verdict: Verdict
    reason: str = ""
    retry_after_s: float = 0.0
    run_id: str | None = None
    camera_id: str | None = None
    status: int = 0


class Transport:
    """The HTTP side. Use from one thread at a time.

    Args:
        url: address of the server, e.g. ``https://krabbel.example.org``.
        key: the camera's key.
        camera_id: the camera's id; not needed with a key that is bound to one camera.
        legacy: talk to a server that knows only ``POST /classify/{track}`` (the predecessor).
    """

    def __init__(self, url: str, key: str, camera_id: str | None = None, legacy: bool = False) -> None:
        self.url = url.rstrip("/")
        self.camera_id = camera_id
        self.legacy = legacy
        self.session = requests.Session()
        header = ("access_token", key) if legacy else ("Authorization", f"Bearer {key}")

        def authenticate(request: requests.PreparedRequest) -> requests.PreparedRequest:
            # As `auth` and not as a header: else a .netrc file could replace it.
            request.headers[header[0]] = header[1]
            return request

        self.session.auth = authenticate

    def ask(self, entry: Entry, camera_id: str | None) -> Answer:
        """Ask whether the server has a run, without sending it. ``camera_id`` may be a learnt one."""
        if self.legacy:
            return Answer(Verdict.UNKNOWN, "a server of the old kind cannot be asked")
        headers = {"Idempotency-Key": entry.content_id}
        if camera_id:
            headers[CHANGED_ON_THE_WAY] = entry.run_id(camera_id)
        return self._post("/api/v1/runs", headers, b"", broken=Verdict.LATER)

    def upload(self, entry: Entry) -> Answer:
        """Send a run. Raises BrokenEntry."""
        reach("before-upload")
        if self.legacy:
            answer = self._upload_legacy(entry)
        else:
            headers = {"Idempotency-Key": entry.content_id}
            if self.camera_id and entry.failures < 3:
                headers[CHANGED_ON_THE_WAY] = entry.run_id(self.camera_id)
            body = MultipartBody(entry, {"run": entry.form(self.camera_id)})
            answer = self._post("/api/v1/runs", headers, body, broken=Verdict.AGAIN)
        reach("after-upload")
        return answer

    def heartbeat(self, camera_id: str, said: dict[str, Any]) -> Answer:
        """Tell the server how the camera is."""
        path = f"/api/v1/cameras/{quote(camera_id, safe='')}/heartbeat"
        return self._request(lambda: self.session.post(
            self.url + path, json=said, timeout=(CONNECT_S, READ_S), allow_redirects=False
        ), Verdict.LATER, lambda answer: Answer(Verdict.SENT, status=answer.status_code))  # fmt: skip

    def _upload_legacy(self, entry: Entry) -> Answer:
        run = entry.manifest()["run"]
        fields = {
            "start_date": run["started_at"].replace("T", " "),
            "end_date": run["ended_at"].replace("T", " "),
            "duration_s": str(int(run.get("duration_s", 0))),
        }
        path = f"/classify/{quote(run['tracking_id'], safe='')}"
        return self._post(path, {}, MultipartBody(entry, fields), broken=Verdict.AGAIN)

    def _post(self, path: str, headers: dict[str, str], body: MultipartBody | bytes, *, broken: Verdict) -> Answer:
        if isinstance(body, MultipartBody):
            headers = dict(headers, **{"Content-Type": body.content_type})
        else:
            headers = dict(headers, **{"Content-Length": str(len(body))})
        return self._request(lambda: self.session.post(
            self.url + path, data=body, headers=headers, timeout=(CONNECT_S, READ_S), allow_redirects=False
        ), broken, self._read)  # fmt: skip

    def _request(
        self,
        send: Callable[[], requests.Response],
        broken: Verdict,
        success: Callable[[requests.Response], Answer],
    ) -> Answer:
        try:
            response = send()
        except requests.exceptions.ConnectTimeout as error:
            return Answer(Verdict.LATER, f"no connection: {error}"[:300])
        except requests.exceptions.SSLError as error:
            return Answer(Verdict.MISCONFIGURED, f"the server's certificate is not trusted: {error}"[:300])
        except (requests.exceptions.InvalidURL, requests.exceptions.MissingSchema) as error:
            return Answer(Verdict.MISCONFIGURED, str(error)[:300])
        except requests.exceptions.RequestException as error:
            if _never_reached(error):
                return Answer(Verdict.LATER, f"no connection: {error}"[:300])
            return Answer(broken, f"the connection broke: {error}"[:300])
        if 200 <= response.status_code < 300:
            return success(response)
        return refusal(response)

    def _read(self, response: requests.Response) -> Answer:
        """Read an answer of success. A hotel's login page also says 200: only Krabbel's own words count."""
        body = _json(response)
        if self.legacy and body.get("success") is True:
            return Answer(Verdict.SENT, status=response.status_code)
        run_id = body.get("run_id")
        if not self.legacy and isinstance(run_id, str) and len(run_id) == 32:
            return Answer(Verdict.SENT, run_id=run_id, camera_id=body.get("camera_id"), status=response.status_code)
        return Answer(Verdict.MISCONFIGURED, f"{response.url} answers, but is no Krabbel: {response.text[:100]!r}")


def refusal(response: requests.Response) -> Answer:
    """Return what an answer other than success means."""
    status, body = response.status_code, _json(response)
    detail = body.get("detail")
    reason = f"{status}: {detail if isinstance(detail, str) else response.text[:300]}"
    wait = retry_after_s(response.headers.get("Retry-After"))
    if status == 404 and str(body.get("type", "")).endswith(":run-not-found"):
        return Answer(Verdict.UNKNOWN, reason, status=status)
    if status in (429, 502, 503, 504):
        return Answer(Verdict.LATER, reason, wait, status=status)
    if status in (408, 425) or status >= 500 or (status == 422 and CHANGED_ON_THE_WAY in reason):
        return Answer(Verdict.AGAIN, reason, wait, status=status)
    if status < 400:
        target = response.headers.get("Location", "elsewhere")
        return Answer(Verdict.MISCONFIGURED, f"{status}: the server is at {target}", status=status)
    if status in (401, 403, 404, 405, 407):
        return Answer(Verdict.MISCONFIGURED, reason, wait, status=status)
    return Answer(Verdict.REFUSED, reason, status=status)


def _never_reached(error: requests.exceptions.RequestException) -> bool:
    """Say whether no connection was made at all: the network is away, whatever the run is like."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(reason, NewConnectionError)


def _json(response: requests.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
