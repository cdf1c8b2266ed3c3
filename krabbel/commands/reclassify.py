"""``krabbel reclassify``: let a model look at stored runs again. Live runs always go first."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn
from rich.table import Table

from krabbel.plain_errors import plainly
from krabbel.stack.state import load_env
from proto.reclassification import OrderState
from services.chassis.broker import open_broker
from services.chassis.database import open_database
from services.chassis.models import Models
from services.chassis.reclassification import Order, Reclassifications
from services.chassis.settings import BackendSettings

console = Console()


@plainly
def reclassify(
    model: Annotated[str | None, typer.Option(help="Model that shall look again: name@version")] = None,
    camera: Annotated[str | None, typer.Option(help="Only this camera's runs (its id)")] = None,
    from_: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First day, in the camera's time zone")
    ] = None,
    to: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Last day")] = None,
    resume: Annotated[str | None, typer.Option(help="Go on with a paused one, by its id")] = None,
    pause: Annotated[str | None, typer.Option(help="Pause a running one, by its id")] = None,
    list_: Annotated[bool, typer.Option("--list", help="Show all, with how far they are")] = False,
    data_dir: Annotated[Path | None, typer.Option("--data-dir", help="Data folder of the running stack")] = None,
) -> None:
    """Send stored runs to a model again. Ctrl-C pauses; old verdicts are kept beside the new ones.

    The verdict of the activated model becomes the run's result; that of another one is only kept.
    """
    if sum(bool(choice) for choice in (model, resume, pause, list_)) != 1:
        raise typer.BadParameter("say one of --model, --resume, --pause and --list")
    env = load_env(data_dir)
    if list_:
        _show(*asyncio.run(_all(env)))
    elif pause is not None:
        asyncio.run(_set(env, pause, OrderState.PAUSED))
        console.print(f"Paused. Go on with: krabbel reclassify --resume {pause}")
    else:
        first, last = from_.date() if from_ else None, to.date() if to else None
        order_id = resume or asyncio.run(_order(env, str(model), camera, first, last))
        try:
            done = asyncio.run(_send(env, order_id))
        except KeyboardInterrupt:
            asyncio.run(_set(env, order_id, OrderState.PAUSED))
            console.print(f"\nPaused. Go on with: krabbel reclassify --resume {order_id}")
            raise typer.Exit(130) from None
        console.print(
            f"{done.order_id}: all {done.sent} runs are done."
            if done.state is OrderState.SENT
            else f"{done.order_id} was paused after {done.sent} of {done.total} runs."
        )


@asynccontextmanager
async def _orders(env: Mapping[str, str]) -> AsyncIterator[tuple[Reclassifications, Models]]:
    settings = BackendSettings.from_env(env)
    async with open_database(settings) as database, open_broker(settings) as broker:
        yield Reclassifications(database, broker), Models(database)


async def _order(
    env: Mapping[str, str], model_id: str, camera: str | None, first: date | None, last: date | None
) -> str:
    async with _orders(env) as (orders, models):
        await models.get(model_id)
        order = await orders.order(model_id, camera, first, last)
        console.print(f"Reclassification [bold]{order.order_id}[/]: {order.total} runs, by {model_id}.")
        if await models.active_id() != model_id:
            console.print("This model is not activated: its verdicts are kept beside the runs' results.")
        return order.order_id


async def _set(env: Mapping[str, str], order_id: str, state: OrderState) -> None:
    async with _orders(env) as (orders, _):
        await orders.set_state(order_id, state)


async def _all(env: Mapping[str, str]) -> tuple[list[Order], int]:
    async with _orders(env) as (orders, _):
        return await orders.all(), await orders.waiting()


async def _send(env: Mapping[str, str], order_id: str) -> Order:
    """Send until done or paused, and show it; done means that the queue is empty again."""
    async with _orders(env) as (orders, _):
        if (await orders.get(order_id)).state is OrderState.PAUSED:
            await orders.set_state(order_id, OrderState.RUNNING)
        columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task("runs")

            def show(order: Order, waiting: int) -> None:
                total = max(order.total, order.sent)
                bar.update(task, total=total, completed=max(0, order.sent - waiting))

            order = await orders.send(order_id, show)
            while order.state is OrderState.SENT and (waiting := await orders.waiting()) > 0:
                show(order, waiting)
                await asyncio.sleep(0.5)
        return order


def _show(orders: list[Order], waiting: int) -> None:
    table = Table("id", "model", "camera", "days", "sent", "state", "since")
    for order in orders:
        days = f"{order.from_day or '...'} to {order.to_day or '...'}" if order.from_day or order.to_day else "all"
        sent = f"{order.sent}/{order.total}"
        since = order.started_at.strftime("%Y-%m-%d %H:%M UTC")
        table.add_row(order.order_id, order.model_id, order.camera_id or "all", days, sent, order.state.value, since)
    console.print(table)
    console.print(f"Waiting for a worker: {waiting} runs.")
