"""Cameras and keys in the database. A key is shown once, at its creation; only its SHA-256 is stored."""

import hashlib
import re
import secrets
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pymongo import ReturnDocument, UpdateOne

from proto.administration import CameraChange, NewCamera
from proto.camera import ApiKey, Camera, Heartbeat, Scope
from proto.errors import CameraNotFound, Conflict, KeyNotFound
from services.chassis.database import Database, Document, available, insert_once
from services.chassis.presence import Presence

KEY_PREFIX = "krabbel_"


def hash_key(key: str) -> str:
    """Return the SHA-256 under which a key is stored, lower-case hex."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def new_key() -> str:
    """Return a fresh key: 256 random bits."""
    return KEY_PREFIX + secrets.token_urlsafe(32)


def slug(name: str) -> str:
    """Return the camera id made of a name: lower case, letters, digits and hyphens, at most 64 characters."""
    german = name.lower().translate({ord("ä"): "ae", ord("ö"): "oe", ord("ü"): "ue", ord("ß"): "ss"})
    plain = unicodedata.normalize("NFKD", german).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:64].strip("-") or "camera"


def camera_of(wanted: NewCamera) -> Camera:
    """Return the camera that somebody wants: its id is made of its name, its credit line is its name, if need be."""
    fields = wanted.model_dump(exclude={"camera_id", "credit"})
    camera_id, credit = wanted.camera_id or slug(wanted.name), wanted.credit or wanted.name
    return Camera(**fields, camera_id=camera_id, credit=credit, created_at=datetime.now(UTC))


def _camera(document: Document) -> Camera:
    return Camera.model_validate({**document, "camera_id": document["_id"]})


def _key(document: Document) -> ApiKey:
    return ApiKey.model_validate({**document, "key_hash": document["_id"]})


class Cameras:
    """Repository of cameras and keys. Raises :class:`proto.errors.Unavailable` while the database is away."""

    def __init__(self, database: Database) -> None:
        self._cameras = database.cameras
        self._keys = database.api_keys
        self._presence = Presence(database)

    async def all(self) -> list[Camera]:
        """Return all cameras by name."""
        documents = await available(lambda: self._cameras.find().sort("name", 1).to_list(None))
        return [_camera(document) for document in documents]

    async def get(self, camera_id: str) -> Camera:
        """Return one camera.

        Raises:
            CameraNotFound: there is none with this id.
        """
        document = await available(lambda: self._cameras.find_one({"_id": camera_id}))
        if document is None:
            raise CameraNotFound(f"No camera has the id {camera_id!r}. `krabbel camera list` shows them.")
        return _camera(document)

    async def add(self, camera: Camera) -> None:
        """Store a new camera.

        Raises:
            Conflict: its id is taken.
        """
        document: dict[str, Any] = camera.model_dump(mode="python", exclude={"camera_id"}) | {"_id": camera.camera_id}
        if not await available(lambda: insert_once(self._cameras, document)):
            raise Conflict(f"There is a camera {camera.camera_id!r} already; choose another name.")

    async def change(self, camera_id: str, change: CameraChange) -> Camera:
        """Change what ``change`` names, and return the camera as it is then.

        Raises:
            CameraNotFound: there is none with this id.
        """
        fields = change.model_dump(exclude_unset=True)
        if not fields:
            return await self.get(camera_id)
        document = await available(
            lambda: self._cameras.find_one_and_update(
                {"_id": camera_id}, {"$set": fields}, return_document=ReturnDocument.AFTER
            )
        )
        if document is None:
            raise CameraNotFound(f"No camera has the id {camera_id!r}. `krabbel camera list` shows them.")
        return _camera(document)

    async def keys(self) -> list[ApiKey]:
        """Return all keys, revoked ones included."""
        documents = await available(lambda: self._keys.find().to_list(None))
        return [_key(document) for document in documents]

    async def key(self, key_hash: str) -> ApiKey | None:
        """Return the key with this hash, revoked or not; None if there is none."""
        document = await available(lambda: self._keys.find_one({"_id": key_hash}))
        return _key(document) if document else None

    async def issue_key(
        self, scopes: frozenset[Scope], camera_id: str | None, label: str, key: str | None = None
    ) -> str:
        """Create a key (or adopt the given one) and return it: the only moment at which it can be read."""
        secret = key or new_key()
        document = {
            "_id": hash_key(secret),
            "label": label,
            "scopes": sorted(scope.value for scope in scopes),
            "camera_id": camera_id,
            "created_at": datetime.now(UTC),
            "revoked_at": None,
        }
        await available(lambda: insert_once(self._keys, document))
        return secret

    async def revoke_keys(self, camera_id: str) -> int:
        """Revoke all keys of a camera; services obey within seconds (see auth.py). Returns how many."""
        query = {"camera_id": camera_id, "revoked_at": None}
        change = {"$set": {"revoked_at": datetime.now(UTC)}}
        result = await available(lambda: self._keys.update_many(query, change))
        return int(result.modified_count)

    async def revoke_key(self, key_id: str) -> ApiKey:
        """Revoke one key, by the first digits of its hash, and return it; one that is revoked stays as it is.

        Raises:
            KeyNotFound: there is none.
            Conflict: several keys begin so.
        """
        found = await available(lambda: self._keys.find({"_id": {"$regex": f"^{re.escape(key_id)}"}}).to_list(2))
        if not found:
            raise KeyNotFound(f"No key has the id {key_id!r}. `krabbel key list` shows them.")
        if len(found) > 1:
            raise Conflict(f"Several keys begin with {key_id!r}: name more digits.")
        key_hash, now = found[0]["_id"], datetime.now(UTC)
        query = {"_id": key_hash, "revoked_at": None}
        await available(lambda: self._keys.update_one(query, {"$set": {"revoked_at": now}}))
        return await self.key(key_hash) or _key(found[0])

    async def keys_used(self, used: Mapping[str, datetime]) -> None:
        """Note when keys were used last, by their hashes."""
        writes = [UpdateOne({"_id": key_hash}, {"$max": {"last_used_at": at}}) for key_hash, at in used.items()]
        await available(lambda: self._keys.bulk_write(writes, ordered=False))

    async def uploaded(self, camera_id: str, at: datetime) -> None:
        """Note an upload."""
        change = {"$max": {"last_upload_at": at, "last_seen_at": at}}
        await available(lambda: self._cameras.update_one({"_id": camera_id}, change))
        await self._presence.note(camera_id, at)

    async def heard(self, camera_id: str, heartbeat: Heartbeat, at: datetime) -> None:
        """Note a heartbeat.

        Raises:
            CameraNotFound: there is none with this id.
        """
        change = {"$set": {"heartbeat": heartbeat.model_dump()}, "$max": {"last_seen_at": at}}
        result = await available(lambda: self._cameras.update_one({"_id": camera_id}, change))
        if not result.matched_count:
            raise CameraNotFound(f"No camera has the id {camera_id!r}.")
        await self._presence.note(camera_id, at)
