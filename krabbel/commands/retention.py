"""``krabbel retention``: how long pictures are kept; show, set, run."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from krabbel.commands.camera import DataDir
from krabbel.plain_errors import plainly
from krabbel.stack.state import load_env
from proto.errors import BadRequest, Conflict
from proto.retention import (
    RetentionCount,
    RetentionForecast,
    RetentionMode,
    RetentionRules,
    RetentionState,
    RetentionSweep,
)
from services.chassis.broker import open_broker
from services.chassis.database import Database, open_database
from services.chassis.logging import log_to_stderr
from services.chassis.object_store import open_object_store
from services.chassis.parked import Parked
from services.chassis.reclassification import Reclassifications
from services.chassis.retention import Retention, parse_rules
from services.chassis.retention_busy import BusyRuns
from services.chassis.retention_sweep import RetentionSweeper
from services.chassis.runs import Runs
from services.chassis.settings import BackendSettings

app = typer.Typer(help="How long pictures are kept.", no_args_is_help=True)
console = Console(soft_wrap=True)
Json = Annotated[bool, typer.Option("--json", help="For programs")]
OFF = "off"
WAIT_S = 30
SCALE = {"k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


@app.command()
@plainly
def show(as_json: Json = False, data_dir: DataDir = None) -> None:
    """Show the rules, what the last sweep did, and what would go now."""

    async def ask() -> RetentionState:
        async with _database(data_dir) as database:
            return await Retention(database).state(datetime.now(UTC))

    _tell(asyncio.run(ask()), as_json)


@app.command("set")
@plainly
def set_(
    mode: Annotated[RetentionMode | None, typer.Option(help="off; dry-run: only count; on: remove")] = None,
    false_sightings_days: Annotated[str | None, typer.Option(help="Days, or off")] = None,
    insects_days: Annotated[str | None, typer.Option(help="Days, or off")] = None,
    classes: Annotated[
        list[str] | None, typer.Option("--class", help="LABEL=DAYS, LABEL=never, or LABEL=off: as all others")
    ] = None,
    keep_best_picture_days: Annotated[str | None, typer.Option(help="Days, or off")] = None,
    max_bytes: Annotated[str | None, typer.Option(help="For example 200G, or off")] = None,
    min_free_bytes: Annotated[str | None, typer.Option(help="For example 10G, or off")] = None,
    keep_thumbnails: Annotated[bool | None, typer.Option(help="Whether the small picture stays")] = None,
    as_json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """Change rules; those that are not named stay. Nothing is removed before the mode is on."""
    change: dict[str, Any] = {"mode": mode.value if mode else None, "keep_thumbnails": keep_thumbnails}
    numbers = {
        "false_sightings_days": false_sightings_days,
        "insects_days": insects_days,
        "keep_best_picture_days": keep_best_picture_days,
        "max_bytes": max_bytes,
        "min_free_bytes": min_free_bytes,
    }

    async def work() -> RetentionState:
        async with _database(data_dir) as database:
            retention = Retention(database)
            rules = (await retention.rules()).model_dump(mode="json")
            rules |= {name: value for name, value in change.items() if value is not None}
            rules |= {name: number_of(text) for name, text in numbers.items() if text is not None}
            rules["class_days"] = with_classes(rules["class_days"], classes or ())
            await retention.set_rules(parse_rules(rules), "krabbel retention set")
            return await retention.state(datetime.now(UTC))

    _tell(asyncio.run(work()), as_json)


@app.command()
@plainly
def run(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count, whatever the mode")] = False,
    as_json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """Sweep now, until nothing is left to do. Removes only where the mode is on."""
    log_to_stderr()
    env = load_env(data_dir)
    settings = BackendSettings.from_env(env)
    disk = env.get("KRABBEL_RETENTION_DISK") or env.get("KRABBEL_SPOOL_DIR")

    async def work() -> list[RetentionSweep]:
        async with (
            open_database(settings, timeout_s=30) as database,
            open_object_store(settings) as store,
            open_broker(settings) as broker,
        ):
            busy = BusyRuns(Reclassifications(database, broker), broker, Parked(settings, broker, Runs(database)))
            sweeper = RetentionSweeper(database, store, busy.find, most_runs=5000, disk_free=lambda: _free(disk))
            sweeps = []
            while True:
                swept = await _patiently(sweeper, dry_run)
                sweeps.append(swept)
                if swept.finished or not swept.runs:
                    return sweeps

    sweeps = asyncio.run(work())
    if as_json:
        typer.echo(json.dumps([swept.model_dump(mode="json") for swept in sweeps], indent=1))
        return
    for swept in sweeps:
        console.print(_sentence(swept))
        _table(swept.counts)


async def _patiently(sweeper: RetentionSweeper, dry_run: bool) -> RetentionSweep:
    """Sweep, after another sweep or a backup if it ends soon."""
    for _ in range(WAIT_S):
        swept = await sweeper.sweep(dry_run=dry_run)
        if swept is not None:
            return swept
        await asyncio.sleep(1)
    raise Conflict("Another sweep or a backup is under way, or was ended two minutes ago; try again later.")


def number_of(text: str) -> int | None:
    """Return a number of days or bytes: ``90``, ``200G``; None for ``off``.

    Raises:
        BadRequest: it is neither.
    """
    if text == OFF:
        return None
    scale = SCALE.get(text[-1:], 1)
    digits = text[:-1] if scale > 1 else text
    if not digits.isdecimal():
        raise BadRequest(f"{text!r} is no number; for example 90, 200G, or off.")
    return int(digits) * scale


def with_classes(known: dict[str, int | None], wanted: list[str] | tuple[()]) -> dict[str, int | None]:
    """Return the classes' days with changes such as ``hornet=never``, ``ant=30`` or ``ant=off``.

    Raises:
        BadRequest: a change is none.
    """
    classes = dict(known)
    for text in wanted:
        label, equals, days = text.partition("=")
        if not label or not equals or not days:
            raise BadRequest(f"{text!r}: write LABEL=DAYS, LABEL=never or LABEL=off.")
        if days == OFF:
            classes.pop(label, None)
        else:
            classes[label] = None if days == "never" else number_of(days)
    return classes


def rules_in_words(rules: RetentionRules) -> list[str]:
    """Return the rules in sentences."""
    words = [f"mode: {rules.mode.value}"]
    for days, what in (
        (rules.false_sightings_days, "false sightings: pictures go after {} days"),
        (rules.insects_days, "insects that nobody verified: pictures go after {} days"),
        (rules.keep_best_picture_days, "after {} days only the best picture of a run is kept"),
    ):
        if days is not None:
            words.append(what.format(days))
    for label, own in sorted(rules.class_days.items()):
        words.append(f"{label}: pictures never go" if own is None else f"{label}: pictures go after {own} days")
    if rules.max_bytes is not None:
        words.append(f"all pictures together: {size(rules.max_bytes)} at most")
    if rules.min_free_bytes is not None:
        words.append(f"the disk keeps {size(rules.min_free_bytes)} free")
    words.append("thumbnails stay" if rules.keep_thumbnails else "thumbnails go, too")
    return words


def size(number: int) -> str:
    """Return bytes for people."""
    for power, name in ((9, "GB"), (6, "MB"), (3, "kB")):
        if number >= 10**power:
            return f"{number / 10**power:.1f} {name}"
    return f"{number} bytes"


def _free(folder: str | None) -> int | None:
    """Return the free bytes of ingest's disk, where this is its machine."""
    return shutil.disk_usage(folder).free if folder and Path(folder).is_dir() else None


def _tell(state: RetentionState, as_json: bool) -> None:
    if as_json:
        typer.echo(state.model_dump_json(indent=1))
        return
    for words in rules_in_words(state.rules):
        console.print(f"- {words}")
    console.print(f"\nBy age {_amount(state.would_go)} would go now.")
    _table(state.would_go.counts)
    if state.last_sweep is not None:
        console.print(f"\nLast sweep: {_sentence(state.last_sweep)}")
    if state.rules.mode is not RetentionMode.ON:
        console.print("\nNothing is removed unless the mode is on: krabbel retention set --mode on")


def _amount(count: RetentionForecast | RetentionSweep) -> str:
    least = "" if not isinstance(count, RetentionForecast) or count.complete else "at least "
    return f"{least}{count.pictures} pictures of {count.runs} runs ({size(count.byte_size)})"


def _sentence(swept: RetentionSweep) -> str:
    what = "removed" if swept.mode is RetentionMode.ON else "counted, nothing removed:"
    held = f"; {swept.held_back} runs wait for their thumbnail" if swept.held_back else ""
    more = "" if swept.finished else "; there is more to do"
    return f"{swept.at:%Y-%m-%d %H:%M} UTC, mode {swept.mode.value}: {what} {_amount(swept)}{held}{more}."


def _table(counts: tuple[RetentionCount, ...]) -> None:
    if not counts:
        return
    table = Table("rule", "runs", "pictures", "bytes", box=None, pad_edge=False)
    for count in counts:
        table.add_row(count.rule.value, str(count.runs), str(count.pictures), size(count.byte_size))
    console.print(table)


@asynccontextmanager
async def _database(data_dir: Path | None) -> AsyncIterator[Database]:
    async with open_database(BackendSettings.from_env(load_env(data_dir))) as database:
        yield database
