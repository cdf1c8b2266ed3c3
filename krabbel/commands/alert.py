"""``krabbel alert``: alerts to people; ``test`` sends one by every configured way."""

import asyncio
import os
import secrets
from typing import Annotated

import typer
from rich.console import Console

from services.query.alerts.channels import Channel, Message, NotSent, channels
from services.query.alerts.settings import AlertSettings
from services.query.alerts.texts import sentence

app = typer.Typer(help="Alerts to people.", no_args_is_help=True)
console = Console(soft_wrap=True, highlight=False)


@app.callback()
def alert() -> None:
    """Alerts to people: webhooks, e-mail, feed; the settings KRABBEL_ALERT_* say to whom and of what."""


@app.command("test")
def send_test(url: Annotated[str, typer.Option(help="Link in the message")] = "http://127.0.0.1:8000") -> None:
    """Send a test alert by every way in KRABBEL_ALERT_WEBHOOKS and KRABBEL_ALERT_EMAIL_TO, now."""
    settings = AlertSettings.from_env(dict(os.environ))
    try:
        ways = channels(settings)
    except ValueError as error:
        console.print(f"[red]{error}[/]")
        raise typer.Exit(1) from error
    if not ways:
        console.print("No way is configured: set KRABBEL_ALERT_WEBHOOKS or KRABBEL_ALERT_EMAIL_TO.")
        raise typer.Exit(1)
    message = Message(secrets.token_hex(16), (sentence({"kind": "test"}, settings.alert_language),), url)
    results = asyncio.run(_send(ways, message))
    for way, trouble in zip(ways, results, strict=True):
        console.print(f"{way.name}: {f'[red]not sent, {trouble}[/]' if trouble else 'sent'}")
    raise typer.Exit(1 if any(results) else 0)


async def _send(ways: list[Channel], message: Message) -> list[str]:
    async def one(way: Channel) -> str:
        try:
            await way.send(message)
        except NotSent as error:
            return str(error)
        return ""

    return list(await asyncio.gather(*(one(way) for way in ways)))
