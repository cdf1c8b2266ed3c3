"""Sends long answers piece by piece, in constant memory."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, nullcontext

from aiohttp import web

from proto.errors import KrabbelError
from services.chassis.logging import get_logger

CHUNK = 64 * 1024
"""Bytes that are collected before they are sent."""
log = get_logger(__name__)


async def streamed(
    request: web.Request,
    pieces: AsyncIterator[bytes],
    content_type: str,
    *,
    file_name: str = "",
    length: int | None = None,
) -> web.StreamResponse:
    """Send pieces as they come. Where one fails midway the connection is cut: half a file must not look whole.

    A generator is closed at once when the reader is gone, so that it holds no cursor. ``length``: all bytes, if known.
    """
    headers = {"Content-Type": content_type, "Cache-Control": "private, no-store", "X-Content-Type-Options": "nosniff"}
    if file_name:
        headers["Content-Disposition"] = f'attachment; filename="{file_name}"'
    response = web.StreamResponse(headers=headers)
    response.content_length = length
    held = bytearray()
    try:
        async with aclosing(pieces) if isinstance(pieces, AsyncGenerator) else nullcontext(pieces):
            async for piece in pieces:
                held += piece
                if len(held) >= CHUNK:
                    if not response.prepared:
                        await response.prepare(request)
                    await response.write(bytes(held))
                    held.clear()
        if not response.prepared:
            await response.prepare(request)
        await response.write(bytes(held))
        await response.write_eof()
    except Exception as error:
        if not response.prepared:
            raise
        if not isinstance(error, ConnectionError):
            reason = error.detail if isinstance(error, KrabbelError) else repr(error)
            log.warning("a download was cut", file=file_name, reason=reason)
        if request.transport is not None:
            request.transport.abort()
    return response
