"""``krabbel user``: people who sign in to the dashboard. Only their passwords' hashes are stored."""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from getpass import getpass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from krabbel.plain_errors import plainly
from krabbel.stack.state import load_env
from proto.errors import BadRequest
from proto.user import UserRole
from services.chassis.database import open_database
from services.chassis.passwords import Passwords, acceptable, generated
from services.chassis.settings import BackendSettings
from services.chassis.users import FIRST_ADMIN, Users

app = typer.Typer(help="People who sign in to the dashboard.", no_args_is_help=True)
console = Console(highlight=False, soft_wrap=True)

DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Data folder of the running stack")]
Name = Annotated[str, typer.Argument(help="Name to sign in with; also kept with what the person decides")]
Generate = Annotated[bool, typer.Option("--generate", help="Make a random password and print it, once")]
Stdin = Annotated[bool, typer.Option("--stdin", help="Read the password from the first line of standard input")]


@asynccontextmanager
async def users_of(env: Mapping[str, str]) -> AsyncIterator[Users]:
    """Open the repository of users of a running stack."""
    async with open_database(BackendSettings.from_env(env)) as database:
        yield Users(database)


async def ensure_first_admin(env: Mapping[str, str], password: str) -> bool:
    """Make the user ``admin`` where there is no user at all; return whether it was made."""
    async with users_of(env) as users:
        if await users.all():
            return False
        return await users.ensure_first_admin(await Passwords().hash(acceptable(password, FIRST_ADMIN)))


def password_for(name: str, *, generate: bool, stdin: bool) -> str:
    """Return the password that is to be: never from an argument, which others on the machine can see.

    Raises:
        BadRequest: it cannot be one, or was not typed the same way twice.
    """
    if generate:
        return generated()
    if stdin:
        return acceptable(sys.stdin.readline().rstrip("\r\n"), name)
    if not sys.stdin.isatty():
        raise BadRequest("Nobody is here to type a password: use --generate, or --stdin with the password on a line.")
    password = acceptable(getpass(f"Password for {name}: "), name)
    if getpass("Once more: ") != password:
        raise BadRequest("The two are not the same.")
    return password


@app.command()
@plainly
def add(
    name: Name,
    role: Annotated[
        UserRole, typer.Option(help="reader looks, editor also verifies, admin may everything")
    ] = UserRole.READER,
    generate: Generate = False,
    stdin: Stdin = False,
    data_dir: DataDir = None,
) -> None:
    """Add a person; the password is asked for, or see --generate and --stdin."""
    env = load_env(data_dir)
    password = password_for(name, generate=generate, stdin=stdin)

    async def work() -> str:
        async with users_of(env) as users:
            return (await users.add(name, role, await Passwords().hash(password))).name

    console.print(f"[bold]{asyncio.run(work())}[/] may sign in as {role.value}.")
    if generate:
        _show(password)


@app.command("list")
@plainly
def list_(data_dir: DataDir = None) -> None:
    """List people, their roles and when they last signed in."""
    env = load_env(data_dir)

    async def work() -> list[tuple[str, ...]]:
        async with users_of(env) as users:
            return [
                (
                    user.user_id if user.federated else user.name,
                    user.role.value,
                    "provider" if user.federated else "password",
                    _moment(user.last_sign_in_at),
                )
                for user in await users.all()
            ]

    table = Table()
    for title in ("name", "role", "signs in by", "last time (UTC)"):
        table.add_column(title, overflow="fold")
    for row in asyncio.run(work()):
        table.add_row(*row)
    console.print(table)


@app.command()
@plainly
def passwd(name: Name, generate: Generate = False, stdin: Stdin = False, data_dir: DataDir = None) -> None:
    """Set a new password; all sessions of the person end within five seconds."""
    env = load_env(data_dir)
    password = password_for(name, generate=generate, stdin=stdin)

    async def work() -> None:
        async with users_of(env) as users:
            await users.set_password(name, await Passwords().hash(password))

    asyncio.run(work())
    console.print(f"[bold]{name}[/] has a new password; whoever was signed in with the old one is not any more.")
    if generate:
        _show(password)


@app.command()
@plainly
def role(
    name: Name, role: Annotated[UserRole, typer.Argument(help="What the person may do")], data_dir: DataDir = None
) -> None:
    """Say what a person may do; all sessions of the person end within five seconds."""
    env = load_env(data_dir)

    async def work() -> None:
        async with users_of(env) as users:
            await users.set_role(name, role)

    asyncio.run(work())
    console.print(f"[bold]{name}[/] is {role.value} from the next sign-in on.")


@app.command()
@plainly
def remove(name: Name, data_dir: DataDir = None) -> None:
    """Remove a person; all sessions of the person end within five seconds."""
    env = load_env(data_dir)

    async def work() -> None:
        async with users_of(env) as users:
            await users.remove(name)

    asyncio.run(work())
    console.print(f"[bold]{name}[/] is removed. What was decided under this name stays.")


def _show(password: str) -> None:
    console.print("The password, shown only now:")
    typer.echo(password)


def _moment(value: datetime | None) -> str:
    return value.strftime("%Y-%m-%d %H:%M") if value else "never"
