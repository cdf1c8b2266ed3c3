"""When does the certificate end that people see? Asked where they ask: at the public address."""

import asyncio
import ssl
from urllib.parse import urlsplit

from services.chassis.logging import get_logger
from services.ingest.metrics import CERTIFICATE_ENDS

EVERY_S = 3600.0
ASK_S = 10.0
NO_HTTPS = 0.0
REFUSED = 1.0
"""An end long ago: a client would refuse this certificate, whatever its end."""
log = get_logger(__name__)


async def watch_certificate(public_url: str) -> None:
    """Set the gauge every hour until cancelled; an address that does not answer leaves it as it is."""
    while True:
        try:
            async with asyncio.timeout(ASK_S):
                CERTIFICATE_ENDS.set(await certificate_ends(public_url))
        except (OSError, TimeoutError) as error:
            log.info("the public address does not answer from here", error=str(error)[:200])
        await asyncio.sleep(EVERY_S)


async def certificate_ends(public_url: str) -> float:
    """Return when the certificate ends, Unix time; :data:`NO_HTTPS` without TLS, :data:`REFUSED` for a bad one.

    Raises:
        OSError: the address does not answer.
    """
    url = urlsplit(public_url)
    if url.scheme != "https" or not url.hostname:
        return NO_HTTPS
    try:
        _, writer = await asyncio.open_connection(url.hostname, url.port or 443, ssl=ssl.create_default_context())
    except ssl.SSLCertVerificationError:
        return REFUSED
    try:
        return float(ssl.cert_time_to_seconds(str(writer.get_extra_info("peercert")["notAfter"])))
    finally:
        writer.close()
