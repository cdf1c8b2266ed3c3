"""Which keys and cameras there are, in memory, refreshed from the database and kept in a file for when it is away.

The file lies beside the spool: an ingest that starts while the database is down still knows its traps.
"""

import asyncio
import os
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from pydantic import Field, ValidationError

from proto.base import Contract
from proto.camera import ApiKey, Camera, Scope
from proto.errors import CameraNotFound, Conflict, KrabbelError
from services.chassis.auth import REFRESH_S, KeyRing, Principal
from services.chassis.cameras import Cameras, slug
from services.chassis.logging import get_logger
from services.ingest.clock import DEFAULT_ZONE, zone_of
from services.ingest.settings import IngestSettings

log = get_logger(__name__)


class Snapshot(Contract):
    """What the file holds; of keys only their hashes."""

    keys: tuple[ApiKey, ...] = ()
    zones: dict[str, str] = Field(default_factory=dict)


def fixed_keys(settings: IngestSettings) -> list[tuple[str, Principal]]:
    """Return the keys that the settings name: the predecessor's one, bound to its camera, and the dashboard's two."""
    keys = []
    if settings.api_key and settings.api_key.get_secret_value():
        uploader = Principal("api_key", frozenset({Scope.UPLOAD, Scope.READ}), slug(settings.camera_name))
        keys.append((settings.api_key.get_secret_value(), uploader))
    if settings.service_key and settings.service_key.get_secret_value():
        keys.append((settings.service_key.get_secret_value(), Principal("service", frozenset({Scope.VERIFY}))))
    if settings.admin_key and settings.admin_key.get_secret_value():
        keys.append((settings.admin_key.get_secret_value(), Principal("dashboard", frozenset({Scope.ADMIN}))))
    return keys


class Registry:
    """Keys and the time zones of cameras."""

    def __init__(self, settings: IngestSettings, cameras: Cameras) -> None:
        self._cameras = cameras
        self._file = settings.spool_dir / "registry.json"
        self._snapshot = Snapshot()
        self._refreshing = asyncio.Lock()
        self._named = settings.camera_name if settings.api_key and settings.api_key.get_secret_value() else None
        self.keys = KeyRing(cameras, fixed_keys(settings))
        self.cameras: tuple[Camera, ...] = ()
        """As the database had them last; none before it was asked"""

    def load(self) -> None:
        """Take over what an earlier process knew. Blocks; call it once, at start."""
        try:
            self._take(Snapshot.model_validate_json(self._file.read_bytes()))
        except FileNotFoundError:
            pass
        except (ValidationError, OSError) as error:
            log.warning("the kept list of keys cannot be read; waiting for the database", error=str(error)[:200])

    def zone(self, camera_id: str) -> ZoneInfo:
        """Return the camera's time zone; Europe/Berlin for one that we have not heard of yet."""
        return zone_of(self._snapshot.zones.get(camera_id, DEFAULT_ZONE))

    def require_camera(self, camera_id: str) -> None:
        """Return if there is such a camera.

        Raises:
            CameraNotFound: there is none.
        """
        if camera_id not in self._snapshot.zones:
            raise CameraNotFound(f"No camera has the id {camera_id!r}. `krabbel camera add` makes one.")

    async def refresh_forever(self) -> None:
        """Reload every :data:`REFRESH_S` seconds until cancelled; what is known stays valid meanwhile."""
        away = False
        while True:
            try:
                async with asyncio.timeout(10):
                    await self.refresh()
                away = False
            except (KrabbelError, TimeoutError, OSError) as error:
                if not away:
                    log.warning("keys and cameras cannot be refreshed; the last known stay valid", error=str(error))
                away = True
            await asyncio.sleep(REFRESH_S)

    async def refresh(self) -> None:
        """Reload once, one caller after the other; make the camera of the predecessor's key if it is missing."""
        async with self._refreshing:
            await self._refresh()

    async def _refresh(self) -> None:
        if self._named is not None:
            await self._make_named(self._named)
        await self.keys.note_uses()
        keys, cameras = await self._cameras.keys(), await self._cameras.all()
        self.cameras = tuple(cameras)
        fresh = Snapshot(
            keys=tuple(
                key.model_copy(update={"last_used_at": None})  # else each use would be a reason to write the file anew
                for key in sorted(keys, key=lambda key: key.key_hash)
            ),
            zones={camera.camera_id: camera.timezone for camera in cameras},
        )
        if fresh != self._snapshot or not self.keys.loaded:
            self._take(fresh)
            await asyncio.to_thread(self._keep, fresh)

    async def _make_named(self, name: str) -> None:
        try:
            await self._cameras.add(Camera(camera_id=slug(name), name=name, created_at=datetime.now(UTC)))
            log.info("camera made", camera_id=slug(name))
        except Conflict:
            pass
        self._named = None

    def _take(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self.keys.replace(snapshot.keys)

    def _keep(self, snapshot: Snapshot) -> None:
        """Replace the file: whole or not at all."""
        fresh = self._file.with_suffix(".new")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(snapshot.model_dump_json())
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._file)
