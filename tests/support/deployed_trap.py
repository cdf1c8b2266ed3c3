"""The upload code of a deployed trap, as the predecessor's page describes it: `requests` with urllib3 retries.

Not to be improved: thousands of traps run it and will not be re-flashed.
"""

from datetime import datetime

import requests
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry


def send_run(
    endpoint: str, api_key: str, track_id: int, start: datetime, end: datetime, crops: list[tuple[str, bytes]]
) -> requests.Response:
    """POST one tracking run to ``{endpoint}/{track_id}``; times are naive local ones, ``str()`` of a datetime."""
    session = requests.Session()
    retry = Retry(total=5, backoff_factor=0.1, status_forcelist=[429, 500, 502, 503, 504])
    session.mount("http://", HTTPAdapter(max_retries=retry))
    return session.post(
        f"{endpoint}/{track_id}",
        headers={"access_token": api_key},
        data={
            "start_date": str(start),
            "end_date": str(end),
            "duration_s": str(int((end - start).total_seconds())),
        },
        files=[("files", (name, data)) for name, data in crops],
        timeout=60,
    )


def crop_name(moment: datetime, track_id: int) -> str:
    """Return the file name that a deployed trap gives a crop."""
    return f"{moment:%Y-%m-%d_%H-%M-%S-%f}_ID{track_id}_crop.jpg"
