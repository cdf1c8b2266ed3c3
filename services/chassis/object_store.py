"""The object store, through the minio client; nothing here is more than plain S3.

The client is synchronous: one executor whose threads equal the connection pool, so neither waits for the other. Whole
objects in memory, which is what goes by all day, are put and got without it (s3_http.py).
"""

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any, BinaryIO, TypeVar, cast
from urllib.parse import urlsplit

import aiohttp
import urllib3
from minio import Minio
from minio.deleteobjects import DeleteObject
from minio.error import MinioException, S3Error

from proto.errors import NotFound, Unavailable
from services.chassis.s3_http import S3Http, S3Refused
from services.chassis.settings import BackendSettings

PART_BYTES = 5 * 1024 * 1024
"""Larger objects go in parts of this size (S3's least), so that only one part of each lies in memory."""
_ABSENT = ("NoSuchKey", "NoSuchObject")
T = TypeVar("T")


class ObjectNotFound(NotFound):
    """The object store has no object with this key."""

    slug = "object-not-found"


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object in a listing."""

    key: str
    byte_size: int
    modified_at: datetime | None


class ObjectStore:
    """One bucket. Every method raises :class:`proto.errors.Unavailable` while the store is away."""

    def __init__(
        self, client: Minio, http: S3Http, bucket: str, executor: ThreadPoolExecutor, timeout_s: float
    ) -> None:
        self._client = client
        self._http = http
        self._bucket = bucket
        self._executor = executor
        self._timeout_s = timeout_s

    async def ensure_bucket(self) -> None:
        """Create the bucket unless it is there."""

        def ensure() -> None:
            if not self._client.bucket_exists(self._bucket):
                self._client.make_bucket(self._bucket)

        await self._call(ensure)

    async def ping(self) -> None:
        """Return when the bucket answers."""
        await self._call(lambda: self._client.bucket_exists(self._bucket))

    async def put(self, key: str, data: bytes, content_type: str, *, sha256: str | None = None) -> None:
        """Store bytes under a key. The same key again replaces the object: keys hold the content's hash.

        ``sha256``: that of the data, if the caller has it at hand.
        """
        await self._ask(key, self._http.put(key, data, content_type, sha256))

    async def put_labelled(self, key: str, data: bytes, content_type: str, labels: Mapping[str, str]) -> None:
        """Store bytes under a key, with ``labels`` kept beside them; :meth:`labels` returns those."""
        metadata = cast("Any", dict(labels))
        await self._call(
            lambda: self._client.put_object(
                self._bucket, key, io.BytesIO(data), len(data), content_type=content_type, metadata=metadata
            )
        )

    async def put_stream(self, key: str, stream: BinaryIO | IO[bytes], length: int, content_type: str) -> None:
        """Store ``length`` bytes of a stream, read piece by piece (in a thread)."""
        await self._call(
            lambda: self._client.put_object(
                self._bucket, key, cast("BinaryIO", stream), length, content_type=content_type, part_size=PART_BYTES
            )
        )

    async def put_file(self, key: str, path: Path, content_type: str) -> None:
        """Store a file under a key, without reading it into memory at once."""
        await self._call(lambda: self._client.fput_object(self._bucket, key, str(path), content_type=content_type))

    async def get(self, key: str) -> bytes:
        """Return an object's bytes.

        Raises:
            ObjectNotFound: there is none.
        """

        return await self._ask(key, self._http.get(key))

    async def labels(self, key: str) -> dict[str, str]:
        """Return what was kept beside an object, names in lower case; empty where there is no such object."""
        try:
            found = await self._call(lambda: self._client.stat_object(self._bucket, key))
        except ObjectNotFound:
            return {}
        prefix = "x-amz-meta-"
        headers = {name.lower(): value for name, value in (found.metadata or {}).items()}
        return {name.removeprefix(prefix): value for name, value in headers.items() if name.startswith(prefix)}

    async def exists(self, key: str) -> bool:
        """Say whether there is an object with this key."""
        try:
            await self._call(lambda: self._client.stat_object(self._bucket, key))
        except ObjectNotFound:
            return False
        return True

    async def list(self, prefix: str) -> list[StoredObject]:
        """Return all objects below a prefix."""
        return await self._call(
            lambda: [
                StoredObject(str(item.object_name), int(item.size or 0), item.last_modified)
                for item in self._client.list_objects(self._bucket, prefix=prefix, recursive=True)
            ]
        )

    async def used(self, prefix: str, most: int) -> tuple[int, int, bool]:
        """Return how many objects lie below a prefix and their bytes; False last where there are more than ``most``."""

        def count() -> tuple[int, int, bool]:
            number = size = 0
            for item in self._client.list_objects(self._bucket, prefix=prefix, recursive=True):
                if number == most:
                    return number, size, False
                number, size = number + 1, size + int(item.size or 0)
            return number, size, True

        return await self._call(count)

    async def remove(self, keys: Iterable[str]) -> None:
        """Remove objects; keys without one are passed over.

        Raises:
            Unavailable: the store is away, or does not remove one of them (others may be gone).
        """
        wanted = [DeleteObject(key) for key in keys]
        if not wanted:
            return

        def remove() -> list[str]:
            errors = self._client.remove_objects(self._bucket, wanted)
            return [f"{error.name}: {error.code}" for error in errors if error.code not in _ABSENT]

        refused = await self._call(remove)
        if refused:
            raise Unavailable(f"The object store does not remove {len(refused)} objects: {'; '.join(refused[:3])}.")

    async def _ask(self, key: str, request: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await request
        except S3Refused as error:
            if error.code in _ABSENT:
                raise ObjectNotFound(f"No object has the key {key!r}.") from error
            raise Unavailable(f"The object store refused: {error.code}.") from error
        except (aiohttp.ClientError, OSError) as error:
            raise Unavailable(f"The object store is away ({type(error).__name__}); try again.") from error

    async def _call(self, function: Callable[[], T]) -> T:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await asyncio.get_running_loop().run_in_executor(self._executor, function)
        except S3Error as error:
            if error.code in _ABSENT:
                raise ObjectNotFound(f"No object has the key {error.object_name!r}.") from error
            raise Unavailable(f"The object store refused: {error.code}.") from error
        except (MinioException, urllib3.exceptions.HTTPError, OSError) as error:
            raise Unavailable(f"The object store is away ({type(error).__name__}); try again.") from error


@asynccontextmanager
async def open_object_store(settings: BackendSettings, *, timeout_s: float = 30.0) -> AsyncIterator[ObjectStore]:
    """Open the store. Nothing is connected yet: an absent server is no error here, but at the first call."""
    address = urlsplit(settings.s3_endpoint)
    size = settings.s3_connections
    pool = urllib3.PoolManager(
        maxsize=size,
        num_pools=4,
        timeout=urllib3.Timeout(connect=3.0, read=timeout_s),
        retries=urllib3.Retry(total=2, backoff_factor=0.1, status_forcelist=(500, 502, 503, 504)),
        cert_reqs="CERT_REQUIRED",
    )
    client = Minio(
        endpoint=address.netloc,
        access_key=settings.s3_access_key.get_secret_value(),
        secret_key=settings.s3_secret_key.get_secret_value(),
        secure=address.scheme == "https",
        region=settings.s3_region,
        http_client=pool,
    )
    executor = ThreadPoolExecutor(max_workers=size, thread_name_prefix="object-store")
    http = S3Http(settings)
    try:
        yield ObjectStore(client, http, settings.s3_bucket, executor, timeout_s + 5)
    finally:
        await http.close()
        executor.shutdown(wait=False, cancel_futures=True)
        pool.clear()
