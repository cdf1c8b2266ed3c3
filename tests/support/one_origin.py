"""A small reverse proxy, so that tests have one origin as Caddy makes it in earnest."""

import asyncio
from contextlib import suppress
from typing import Any

from aiohttp import ClientResponse, ClientSession, WSMsgType, web

PASSED_ON = ("Content-Type", "Etag", "Location", "Set-Cookie")


async def forward(request: web.Request, server: str) -> web.StreamResponse:
    """Answer with what the server answers; websockets are passed through."""
    address = server + request.path_qs
    async with ClientSession(auto_decompress=False) as session:
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await _forward_socket(request, session, address)
        headers = {**request.headers, "Accept-Encoding": "identity"}
        body = await request.read()
        async with session.request(
            request.method, address, headers=headers, data=body, allow_redirects=False
        ) as answer:
            kept = {name: value for name, value in answer.headers.items() if name in PASSED_ON}
            if answer.content_type == "text/event-stream":
                return await _forward_stream(request, answer, kept)
            return web.Response(body=await answer.read(), status=answer.status, headers=kept)


async def _forward_stream(request: web.Request, answer: ClientResponse, headers: dict[str, str]) -> web.StreamResponse:
    near = web.StreamResponse(headers=headers)
    await near.prepare(request)
    with suppress(ConnectionError):  # the page is gone
        async for piece in answer.content.iter_any():
            await near.write(piece)
    return near


async def _forward_socket(request: web.Request, session: ClientSession, address: str) -> web.StreamResponse:
    wanted = [part.strip() for part in request.headers.get("Sec-WebSocket-Protocol", "").split(",") if part]
    near = web.WebSocketResponse(protocols=wanted, max_msg_size=0)
    await near.prepare(request)
    headers = {
        "Origin": request.headers.get("Origin", ""),
        "Host": request.host,
        "Cookie": request.headers.get("Cookie", ""),
    }
    async with session.ws_connect(address, protocols=wanted, headers=headers, max_msg_size=0) as far:

        async def pump(source: Any, sink: Any) -> None:
            async for message in source:
                if message.type is WSMsgType.TEXT:
                    await sink.send_str(message.data)
                elif message.type is WSMsgType.BINARY:
                    await sink.send_bytes(message.data)
            await sink.close()

        await asyncio.gather(pump(near, far), pump(far, near), return_exceptions=True)
    return near
