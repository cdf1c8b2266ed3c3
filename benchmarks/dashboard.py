"""What an open dashboard costs: first render in a browser, memory per session, and how late events are at many of them.

    python -m benchmarks.dashboard --sessions 50 150 --rate 2 --seconds 15

One dashboard process against a stand-in for the query service, so that only the dashboard is measured. Sessions are
websockets that speak Bokeh's protocol as a page does, up to the message with which a page says that it listens; the
clients share the machine with the dashboard. Measured is the time from the event at the stand-in to the whole message
at the session. First render is Chromium's: until the first picture of the carpet, or the first chart, is there.
"""

import argparse
import asyncio
import itertools
import json
import os
import re
import shutil
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, ClientWebSocketResponse, TCPConnector, WSMsgType, web
from playwright.async_api import async_playwright

from benchmarks.live import cpu_s
from tests.support.fake_query import FakeQuery

PORT = 18_096
NAMED = re.compile(r'\["id","([0-9a-f]{32})"\],\["state","named"\]')
LABELS = itertools.cycle(["bee", "lepi", "ant", "wasp", "fly", "hfly_episyr", "beetle_cocci"])
PAGES = ("/", "/day", "/season")


class Session:
    """One open page, without a browser."""

    def __init__(self, socket: ClientWebSocketResponse, wire: str) -> None:
        self._socket, self._wire = socket, wire
        self.seen: dict[str, float] = {}

    @classmethod
    async def open(cls, client: ClientSession, origin: str) -> "Session":
        """Load the page and say that it listens."""
        async with client.get(origin) as answer:
            page = await answer.text()
        token = re.search(r'"token":"([^"]+)"', page)
        wire = re.search(r'"roots":\{"(p\d+)"', page)
        assert token is not None
        assert wire is not None
        socket = await client.ws_connect(
            origin.replace("http", "ws") + "ws", protocols=["bokeh", token[1]], max_msg_size=0
        )
        await socket.receive()  # the server is ready once it acknowledged
        session = cls(socket, wire[1])
        await session._send("PULL-DOC-REQ", None)
        await session._say({"ready": True})
        return session

    async def listen(self) -> None:
        """Note when each visit got its name."""
        async for message in self._socket:
            if message.type is WSMsgType.TEXT:
                now = time.perf_counter()
                for run_id in NAMED.findall(message.data):
                    self.seen.setdefault(run_id, now)

    async def close(self) -> None:
        """Go away."""
        await self._socket.close()

    async def _say(self, data: dict[str, Any]) -> None:
        entries = [
            ["model", {"id": self._wire}],
            ["data", {"type": "map", "entries": [list(pair) for pair in data.items()]}],
        ]
        event = {"type": "event", "name": "data_event", "values": {"type": "map", "entries": entries}}
        await self._send(
            "PATCH-DOC", {"events": [{"kind": "MessageSent", "msg_type": "bokeh_event", "msg_data": event}]}
        )

    async def _send(self, kind: str, content: dict[str, Any] | None) -> None:
        for part in ({"msgid": os.urandom(8).hex(), "msgtype": kind}, {}, content or {}):
            await self._socket.send_str(json.dumps(part))


def resident_mb(pid: int) -> float:
    """Return the memory that a process holds."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


async def start_dashboard(query: FakeQuery) -> asyncio.subprocess.Process:
    """Start the dashboard and wait until it follows."""
    origin = f"http://127.0.0.1:{query.port}"
    settings = {
        "QUERY_URL": origin,
        "PUBLIC_URL": origin,
        "PORT": str(PORT),
        "HOST": "127.0.0.1",
        "SERVICE_KEY": "secret",
    }
    environment = os.environ | {f"KRABBEL_{name}": value for name, value in settings.items()}
    environment["KRABBEL_LOG_LEVEL"] = "error"
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "services.dashboard", env=environment)
    async with ClientSession() as client, asyncio.timeout(60):
        while True:
            try:
                async with client.get(f"http://127.0.0.1:{PORT}/readyz") as answer:
                    if answer.status == web.HTTPOk.status_code:
                        return process
            except OSError:
                pass
            await asyncio.sleep(0.1)


async def first_render(origin: str, times: int = 5) -> None:
    """Print how soon a page shows something."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        print("first render: not measured, there is no Chromium")
        return
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for path in PAGES:
            shown = list[float]()
            for _ in range(times):
                context = await browser.new_context(viewport={"width": 1400, "height": 900})
                page = await context.new_page()
                await page.goto(f"{origin}{path}", wait_until="commit")
                ready = {
                    "/": "document.querySelector('#visitors img')?.naturalWidth > 0",
                    "/day": "document.querySelector('#hours-chart .chart')?.childElementCount > 0",
                    "/season": "document.querySelector('#lines .chart')?.childElementCount > 0",
                }[path]
                await page.wait_for_function(ready, polling=20)
                shown.append(await page.evaluate("performance.now()"))
                await context.close()
            what, ms = "first picture" if path == "/" else "first chart", statistics.median(shown)
            print(f"first render of {path}: {what} after {ms:.0f} ms (median of {times}, cold cache)")
        await browser.close()


async def crowd(query: FakeQuery, pid: int, count: int, rate: float, seconds: float) -> None:
    """Open so many sessions, print what they cost and how late they hear, and close them."""
    before, started, sessions = resident_mb(pid), time.monotonic(), list[Session]()
    async with ClientSession(connector=TCPConnector(limit=0)) as client, asyncio.TaskGroup() as group:
        while len(sessions) < count:
            sessions.append(await Session.open(client, f"http://127.0.0.1:{PORT}/"))
            group.create_task(sessions[-1].listen())
        joined = (time.monotonic() - started) / count
        await asyncio.sleep(3)
        memory = (resident_mb(pid) - before) / count
        sent, used = dict[str, float](), cpu_s(pid)
        for _ in range(int(rate * seconds)):
            label = next(LABELS)
            run_id = query.receive("garten", label)
            query.classify(run_id, label)
            sent[run_id] = time.perf_counter()
            await asyncio.sleep(1 / rate)
        await asyncio.sleep(2)
        used = cpu_s(pid) - used
        late = sorted(session.seen[one] - at for session in sessions for one, at in sent.items() if one in session.seen)
        share = len(late) / (len(sent) * len(sessions))
        p50, p95 = (late[int(len(late) * part)] * 1000 for part in (0.5, 0.95))
        print(
            f"{count:4} sessions, {rate:g} events/s: p50 {p50:.0f} ms, p95 {p95:.0f} ms, {share:.1%} came; "
            f"{memory:.2f} MB per session, {joined * 1000:.0f} ms per join, CPU {used / seconds * 100:.0f} %",
            flush=True,
        )
        for session in sessions:
            await session.close()
    await asyncio.sleep(20)  # sessions linger for a while before they are forgotten


async def measure(counts: Sequence[int], rate: float, seconds: float) -> None:
    """Measure all."""
    query = FakeQuery(f"http://127.0.0.1:{PORT}", plain=True)
    query.add_camera("garten", "Garten 1", "Köln")
    for _ in range(60):
        label = next(LABELS)
        query.classify(query.receive("garten", label), label)
    await query.start()
    process = await start_dashboard(query)
    try:
        await first_render(f"http://127.0.0.1:{query.port}")
        for count in counts:
            await crowd(query, process.pid, count, rate, seconds)
        print(f"all closed: the process holds {resident_mb(process.pid):.0f} MB")
    finally:
        process.terminate()
        await process.wait()
        await query.stop()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, nargs="+", default=[50, 150])
    parser.add_argument("--rate", type=float, default=2, help="Events a second")
    parser.add_argument("--seconds", type=float, default=15)
    arguments = parser.parse_args()
    asyncio.run(measure(arguments.sessions, arguments.rate, arguments.seconds))


if __name__ == "__main__":
    main()
