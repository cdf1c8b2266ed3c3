"""``krabbel doctor``: check configuration, servers, queues, clocks, disk and model, and say what to do."""

import asyncio
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from krabbel.commands.camera import DataDir
from krabbel.doctor import machine
from krabbel.doctor.finding import Finding, Level, judge_configuration, worst
from krabbel.plain_errors import plainly
from krabbel.stack.state import default_data_dir, load_env

COLOURS = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "red"}


@plainly
def doctor(
    data_dir: DataDir = None, as_json: Annotated[bool, typer.Option("--json", help="For programs")] = False
) -> None:
    """Check everything and say what to do. Exit code 1 where something fails, 0 with warnings only."""
    env = load_env(data_dir)
    embedded = data_dir is not None or "KRABBEL_MONGO_URL" not in os.environ
    root = (data_dir or default_data_dir()) if embedded else None
    findings = _here(env, root) + asyncio.run(_servers(env, root))
    level = worst(findings)
    if as_json:
        typer.echo(json.dumps({"level": level, "checks": [asdict(finding) for finding in findings]}, indent=1))
    else:
        _show(findings)
    raise typer.Exit(1 if level is Level.FAIL else 0)


def _here(env: dict[str, str], root: Path | None) -> list[Finding]:
    findings = judge_configuration(env)
    if root is not None:
        findings += machine.process_findings(root) + machine.folder_findings("data folder", root)
        findings += machine.secrets_findings(root)
    if spool := env.get("KRABBEL_SPOOL_DIR"):
        findings += machine.folder_findings("spool", Path(spool))
    return findings + machine.model_findings(env)


async def _servers(env: dict[str, str], root: Path | None) -> list[Finding]:
    from krabbel.doctor.retention import retention_findings
    from krabbel.doctor.servers import broker_findings, database_findings, object_store_findings
    from services.chassis.settings import BackendSettings

    settings = BackendSettings.from_env(env)
    spool = env.get("KRABBEL_RETENTION_DISK") or env.get("KRABBEL_SPOOL_DIR")
    parts = await asyncio.gather(
        database_findings(settings),
        broker_findings(settings),
        object_store_findings(settings),
        retention_findings(settings, Path(spool) if spool else root),
    )
    return [finding for part in parts for finding in part]


def _show(findings: list[Finding]) -> None:
    table = Table("", "check", "found", "what to do", box=None, pad_edge=False)
    for finding in findings:
        colour = COLOURS[finding.level]
        table.add_row(f"[{colour}]{finding.level}[/]", finding.check, finding.found, finding.do)
    Console(highlight=False).print(table)
