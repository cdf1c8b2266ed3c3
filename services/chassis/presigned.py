"""Addresses with which whoever has them fetches one object straight from the object store, for a while.

Signing needs no server: it is arithmetic over the secret key. The host is part of what is signed, so the client that
signs knows the store by the address that the world uses, which is seldom the one that the services use.
"""

from datetime import datetime, timedelta
from urllib.parse import urlsplit

from minio import Minio

from services.chassis.settings import BackendSettings


class Presigner:
    """Signs reads of one bucket. Asks nobody."""

    def __init__(self, settings: BackendSettings, public_endpoint: str) -> None:
        """``public_endpoint``: the store as clients reach it: ``https://host``, with a port where it needs one."""
        address = urlsplit(public_endpoint)
        self._bucket = settings.s3_bucket
        self._client = Minio(
            endpoint=address.netloc,
            access_key=settings.s3_access_key.get_secret_value(),
            secret_key=settings.s3_secret_key.get_secret_value(),
            secure=address.scheme == "https",
            region=settings.s3_region,  # not told, it would ask the store
        )

    def url(self, key: str, at: datetime, lifetime_s: int) -> str:
        """Return the address of an object, valid for ``lifetime_s`` seconds (604800 at most) from ``at``.

        Whether there is such an object is not known: an address of none is answered 404 by the store.
        """
        return self._client.presigned_get_object(
            self._bucket, key, expires=timedelta(seconds=lifetime_s), request_date=at
        )
