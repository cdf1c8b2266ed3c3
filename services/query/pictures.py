"""The pictures as the public gets them: from the object store, without metadata, the recent ones from memory."""

from collections import OrderedDict

from proto.errors import ImageNotFound
from proto.run import object_key_of
from services.chassis.logging import get_logger
from services.chassis.object_store import ObjectNotFound, ObjectStore
from services.query.picture_privacy import UnreadablePicture, without_metadata

CONTENT_TYPES = {"jpg": "image/jpeg", "png": "image/png", "webp": "image/webp"}
log = get_logger(__name__)


class Pictures:
    """Pictures by their address. The address holds the content's hash, so a kept one is never stale."""

    def __init__(self, store: ObjectStore, cache_bytes: int) -> None:
        self._store = store
        self._cache_bytes = cache_bytes
        self._cache: OrderedDict[str, bytes] = OrderedDict()
        self._held = 0

    async def get(self, run_id: str, sha256: str, extension: str) -> bytes:
        """Return the picture without its metadata.

        Raises:
            ImageNotFound: there is none with this address, or it is broken.
            Unavailable: the object store is away, and the picture is not in memory.
        """
        content_type = CONTENT_TYPES[extension]
        key = object_key_of(run_id, sha256, content_type)
        if key in self._cache:
            self._cache.move_to_end(key)
            return self._cache[key]
        try:
            data = without_metadata(await self._store.get(key), content_type)
        except ObjectNotFound as error:
            raise ImageNotFound("No picture has this address.") from error
        except UnreadablePicture as error:
            log.warning("a stored picture is broken and not shown", object_key=key, reason=str(error))
            raise ImageNotFound("This picture is broken and is not shown.") from error
        self._keep(key, data)
        return data

    async def preview(self, key: str) -> bytes | None:
        """Return a run's thumbnail or contact sheet, which were made without metadata; None where it is not made yet.

        Raises:
            Unavailable: the object store is away, and it is not in memory.
        """
        if key in self._cache:
            self._cache.move_to_end(key)
            return self._cache[key]
        try:
            data = await self._store.get(key)
        except ObjectNotFound:
            return None
        self._keep(key, data)
        return data

    def _keep(self, key: str, data: bytes) -> None:
        """Remember the picture, and forget those not shown for the longest time where memory is used up."""
        if key in self._cache or len(data) > self._cache_bytes // 8:
            return
        self._cache[key] = data
        self._held += len(data)
        while self._held > self._cache_bytes:
            _, forgotten = self._cache.popitem(last=False)
            self._held -= len(forgotten)
