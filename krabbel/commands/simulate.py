"""``krabbel simulate``: camera traps that upload through the public API, with a summary of what came of it."""

import asyncio
import json
import os
import random
import statistics
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import aiohttp
import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table

from krabbel.commands.camera import UPLOAD_AND_READ, cameras_of, ensure_camera
from krabbel.simulator.pictures import Pictures
from krabbel.simulator.trap import Trap, Upload
from krabbel.simulator.watch import Watcher
from krabbel.stack.state import load_env

console = Console()
DAYLIGHT = (0, 0, 0, 0, 0, 1, 2, 4, 7, 11, 15, 18, 20, 19, 18, 15, 12, 9, 6, 4, 2, 1, 0, 0)
"""How many insects come at each hour of the day, relatively."""
PLACES = (
    ("Redaktionsgarten", "Potsdam, Babelsberg", 52.3906, 13.0935),
    ("Dachwiese", "Berlin, Wedding", 52.5498, 13.3661),
    ("Streuobstwiese", "Werder (Havel)", 52.3779, 12.9346),
    ("Schulgarten", "Leipzig, Plagwitz", 51.3273, 12.3346),
    ("Kiesgrube", "Dresden, Pieschen", 51.0806, 13.7216),
)


@dataclass(frozen=True, slots=True)
class Wish:
    """What the operator asked for; see the options of :func:`simulate`."""

    base: str
    key: str | None
    cameras: int
    rate: float
    runs: int | None
    protocol: str
    history: int
    history_days: int
    seed: int
    quiet: bool


@dataclass(slots=True)
class Tally:
    """What has happened so far."""

    uploads: list[Upload] = field(default_factory=list)

    @property
    def accepted(self) -> set[str]:
        """Ids of the runs that the gateway took."""
        return {upload.run_id for upload in self.uploads if upload.accepted and upload.run_id}

    @property
    def refused(self) -> list[Upload]:
        """Uploads that failed for good."""
        return [upload for upload in self.uploads if not upload.accepted]


def simulate(
    cameras: Annotated[int, typer.Option(min=1, max=500, help="Traps that upload at the same time")] = 3,
    rate: Annotated[float, typer.Option(min=0.001, help="Runs per second, all traps together")] = 0.5,
    images: Annotated[str, typer.Option(help="'synthetic', or a folder of pictures")] = "synthetic",
    runs: Annotated[int | None, typer.Option(min=1, help="Stop after so many runs (default: never)")] = None,
    frames: Annotated[int, typer.Option(min=1, max=400, help="Most crops a run")] = 12,
    protocol: Annotated[str, typer.Option(help="v1, legacy (as deployed traps), or both")] = "both",
    history: Annotated[int, typer.Option(min=0, help="First upload so many runs of past hours")] = 0,
    history_days: Annotated[int, typer.Option(min=1, help="... spread over so many days, today included")] = 1,
    seed: Annotated[int, typer.Option(help="Seed of the drawings")] = 1,
    url: Annotated[str | None, typer.Option(help="Address of Krabbel (default: the running stack's)")] = None,
    key: Annotated[str | None, typer.Option(envvar="KRABBEL_SIMULATE_KEY", help="One key for all traps")] = None,
    quiet: Annotated[bool, typer.Option(help="No live display, only the summary")] = False,
    data_dir: Annotated[Path | None, typer.Option("--data-dir", help="Data folder of the running stack")] = None,
) -> None:
    """Simulate camera traps; end with Ctrl-C or --runs, and print accepted, classified and latencies."""
    env = load_env(data_dir) if url is None or key is None else dict(os.environ)
    base = (url or env["KRABBEL_PUBLIC_URL"]).rstrip("/")
    try:
        pictures = Pictures(images, seed, frames)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    with suppress(KeyboardInterrupt):
        wish = Wish(base, key, cameras, rate, runs, "v1" if key else protocol, history, history_days, seed, quiet)
        raise typer.Exit(asyncio.run(_simulate(env, wish, pictures)))


async def _traps(env: dict[str, str], wish: Wish) -> list[Trap]:
    """Return the traps; without a given key, cameras are created and their keys kept beside the stack's secrets."""
    if wish.key is not None:
        return [Trap(wish.base, None, wish.key, "v1", seed=wish.seed * 1000 + n) for n in range(wish.cameras)]
    file = Path(env.get("KRABBEL_DATA_DIR", ".")) / "simulator-keys.json"
    known: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
    traps: list[Trap] = []
    for number in range(wish.cameras):
        name, place, lat, lon = PLACES[number % len(PLACES)]
        name = name if number < len(PLACES) else f"{name} {number // len(PLACES) + 1}"
        camera_id = f"sim-{number + 1}"
        if camera_id not in known:
            issued = await ensure_camera(env, camera_id, name, place, lat, lon, "Europe/Berlin")
            if issued is None:
                async with cameras_of(env) as cameras:
                    issued = await cameras.issue_key(UPLOAD_AND_READ, camera_id, "simulator")
            known[camera_id] = issued
        chosen = wish.protocol if wish.protocol != "both" else ("v1", "legacy")[number % 2]
        traps.append(Trap(wish.base, camera_id, known[camera_id], chosen, seed=wish.seed * 1000 + number))
    file.touch(mode=0o600)
    file.write_text(json.dumps(known, indent=2))
    return traps


async def _simulate(env: dict[str, str], wish: Wish, pictures: Pictures) -> int:
    traps = await _traps(env, wish)
    tally = Tally()
    watcher = Watcher(wish.base, env.get("KRABBEL_SERVICE_KEY") or traps[0].key)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=60)) as session:
        follow = asyncio.create_task(watcher.follow())
        try:
            await watcher.connected(10)
            if wish.history:
                await _upload_history(traps, session, pictures, tally, wish)
            with Live(_summary(tally, watcher), console=console, refresh_per_second=4, transient=True) as live:
                show = None if wish.quiet else live
                async with asyncio.TaskGroup() as group:
                    for number, trap in enumerate(traps):
                        share = None
                        if wish.runs is not None:
                            share = wish.runs // wish.cameras + (number < wish.runs % wish.cameras)
                        rate = wish.rate / wish.cameras
                        group.create_task(_live(trap, session, pictures, tally, rate, share, watcher, show))
        except asyncio.CancelledError:
            console.print("stopping")
        finally:
            with suppress(asyncio.CancelledError):
                await watcher.all_done(tally.accepted, 20 if wish.runs is None else 120)
            follow.cancel()
            pictures.close()
            console.print(_summary(tally, watcher))
    missing = tally.accepted - watcher.classified.keys()
    return 1 if tally.refused or missing else 0


async def _live(
    trap: Trap,
    session: aiohttp.ClientSession,
    pictures: Pictures,
    tally: Tally,
    rate: float,
    runs: int | None,
    watcher: Watcher,
    live: Live | None,
) -> None:
    """Let one trap see insects at random moments, ``rate`` a second on average."""
    chance = random.Random(trap.seed)
    done = 0
    while runs is None or done < runs:
        await asyncio.sleep(chance.expovariate(rate))
        shots = await pictures.run(trap.seed)
        tally.uploads.append(await trap.send(session, shots))
        done += 1
        if live is not None:
            live.update(_summary(tally, watcher))


async def _upload_history(
    traps: list[Trap],
    session: aiohttp.ClientSession,
    pictures: Pictures,
    tally: Tally,
    wish: Wish,
) -> None:
    """Upload runs of past hours, so that a fresh dashboard has a day to show."""
    chance = random.Random(wish.seed)
    now = datetime.now(ZoneInfo("Europe/Berlin"))
    moments: list[datetime] = []
    while len(moments) < wish.history:
        day = now.date() - timedelta(days=chance.randrange(wish.history_days))
        hour = chance.choices(range(24), DAYLIGHT)[0]
        moment = datetime(day.year, day.month, day.day, hour, tzinfo=now.tzinfo) + timedelta(
            seconds=chance.uniform(0, 3600)
        )
        if moment >= now:  # in the morning of the only day: any moment of the last hours
            moment = now - timedelta(seconds=chance.uniform(60, 6 * 3600))
        moments.append(moment)
    slots = asyncio.Semaphore(8)

    async def one(moment: datetime, trap: Trap) -> None:
        async with slots:
            tally.uploads.append(await trap.send(session, await pictures.run(trap.seed), moment.astimezone(UTC)))

    async with asyncio.TaskGroup() as group:
        for number, moment in enumerate(sorted(moments)):
            group.create_task(one(moment, traps[number % len(traps)]))


def _quantiles(seconds: list[float]) -> str:
    if len(seconds) < 2:
        return f"{seconds[0] * 1000:.0f} ms" if seconds else "-"
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    return f"p50 {cuts[49] * 1000:.0f} ms, p95 {cuts[94] * 1000:.0f} ms, p99 {cuts[98] * 1000:.0f} ms"


def _summary(tally: Tally, watcher: Watcher) -> Table:
    table = Table(title="Simulated camera traps", show_header=False)
    done = [upload for upload in tally.uploads if upload.run_id in watcher.classified]
    table.add_row("accepted", str(len(tally.accepted)))
    table.add_row("classified", str(len(tally.accepted & watcher.classified.keys())))
    table.add_row("failed", str(len(tally.accepted & watcher.failed)))
    table.add_row("not accepted", str(len(tally.refused)))
    table.add_row("upload answered after", _quantiles([upload.seconds for upload in tally.uploads if upload.accepted]))
    table.add_row(
        "live event after", _quantiles([watcher.classified[str(upload.run_id)] - upload.started for upload in done])
    )
    if tally.refused:
        last = tally.refused[-1]
        table.add_row("last refusal", f"{last.status}: {last.detail}")
    return table
