"""A simulated camera trap: a real HTTP client of the public API, in the deployed traps' way or in the new one."""

import asyncio
import hashlib
import json
import random
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import aiohttp

from krabbel.simulator.pictures import Shot
from proto.run import run_id_of

RETRY_WAITS_S = (0.2, 1.0, 3.0, 8.0)


@dataclass(frozen=True, slots=True)
class Upload:
    """One attempted upload: what came of it and how long the trap waited for the answer."""

    run_id: str | None
    status: int
    seconds: float
    started: float  # time.monotonic() when the request began
    detail: str = ""

    @property
    def accepted(self) -> bool:
        """Whether the gateway took responsibility for the run."""
        return 200 <= self.status < 300


@dataclass(slots=True)
class Trap:
    """One camera. ``protocol``: ``legacy`` (``POST /classify/{id}``, as deployed) or ``v1``."""

    base_url: str
    camera_id: str | None  # None: whatever camera the key is bound to
    key: str
    protocol: str = "v1"
    timezone: str = "Europe/Berlin"
    seed: int = 0
    _track: int = field(default=0, init=False)

    async def send(self, session: aiohttp.ClientSession, shots: list[Shot], ended: datetime | None = None) -> Upload:
        """Upload one run that ended at ``ended`` (now). Refused connections and 5xx are tried again a few times."""
        self._track += 1
        end = (ended or datetime.now(UTC)).astimezone(ZoneInfo(self.timezone)).replace(tzinfo=None)
        chance = random.Random(f"{self.seed}:{self._track}:{end}")
        seconds = round(len(shots) * chance.uniform(0.8, 1.4), 3)
        start = end - timedelta(seconds=seconds)
        names = [
            f"{start:%Y-%m-%d_%H-%M-%S-%f}_ID{self._track}_{number}_crop{shot.suffix}"
            for number, shot in enumerate(shots)
        ]
        began = time.monotonic()
        failure = Upload(None, 0, 0.0, began, "never sent")
        for wait in (*RETRY_WAITS_S, None):
            try:
                if self.protocol == "legacy":
                    failure = await self._legacy(session, shots, names, start, end, seconds, began)
                else:
                    failure = await self._v1(session, shots, names, start, end, began)
            except (aiohttp.ClientError, TimeoutError) as error:
                failure = Upload(None, 0, time.monotonic() - began, began, f"{type(error).__name__}: {error}")
            if failure.accepted or 400 <= failure.status < 500 or wait is None:
                break
            await asyncio.sleep(wait * chance.uniform(0.5, 1.5))
        return failure

    async def _legacy(
        self,
        session: aiohttp.ClientSession,
        shots: list[Shot],
        names: list[str],
        start: datetime,
        end: datetime,
        seconds: float,
        began: float,
    ) -> Upload:
        form = aiohttp.FormData()
        form.add_field("start_date", str(start))
        form.add_field("end_date", str(end))
        form.add_field("duration_s", str(int(seconds)))
        for name, shot in zip(names, shots, strict=True):
            form.add_field("files", shot.data, filename=name)
        url = f"{self.base_url}/classify/{self._track}"
        async with session.post(url, data=form, headers={"access_token": self.key}) as answer:
            text = await answer.text()
        # The old answer carries no id; it is deterministic, so a client that knows its camera can work it out.
        run_id = run_id_of(self.camera_id or "", str(self._track), str(start), str(end), _hashes(shots))
        return Upload(run_id, answer.status, time.monotonic() - began, began, text[:300])

    async def _v1(
        self,
        session: aiohttp.ClientSession,
        shots: list[Shot],
        names: list[str],
        start: datetime,
        end: datetime,
        began: float,
    ) -> Upload:
        run = {
            **({"camera_id": self.camera_id} if self.camera_id else {}),
            "tracking_id": str(self._track),
            "started_at": start.isoformat(),
            "ended_at": end.isoformat(),
            "images": [
                {
                    "file_name": name,
                    "bounding_box": dict(zip(("x_min", "y_min", "x_max", "y_max"), shot.box, strict=True)),
                }
                for name, shot in zip(names, shots, strict=True)
                if shot.box is not None
            ],
        }
        form = aiohttp.FormData()
        form.add_field("run", json.dumps(run), content_type="application/json")
        for name, shot in zip(names, shots, strict=True):
            form.add_field("files", shot.data, filename=name, content_type="application/octet-stream")
        url = f"{self.base_url}/api/v1/runs"
        async with session.post(url, data=form, headers={"Authorization": f"Bearer {self.key}"}) as answer:
            text = await answer.text()
        run_id = str(json.loads(text)["run_id"]) if answer.status in (200, 202) else None
        return Upload(run_id, answer.status, time.monotonic() - began, began, text[:300])


def _hashes(shots: list[Shot]) -> list[str]:
    return [hashlib.sha256(shot.data).hexdigest() for shot in shots]
