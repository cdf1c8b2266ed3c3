"""The command ``krabbel``. Each command lives in ``krabbel/commands/NAME.py`` and is found by its file.

Such a module exports either ``app`` (a ``typer.Typer`` with subcommands) or a function with the module's name. A module
is imported only when its command runs, so that ``krabbel --help`` stays quick: the list of commands is read from the
first line of each module's docstring (the part after the colon), without importing it.
"""

import ast
import importlib
import keyword
import sys
from pathlib import Path

import click
import typer
from typer.core import TyperCommand, TyperGroup

FOLDER = Path(__file__).with_name("commands")


def module_of(command: str) -> str:
    """Return a command's module: ``dead-letters`` is in ``dead_letters.py``, ``import`` in ``import_.py``."""
    name = command.replace("-", "_")
    return f"{name}_" if keyword.iskeyword(name) else name


def summary(file: Path) -> str:
    """Return what a command does, from its module's docstring."""
    text = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    line = text.partition("\n")[0]
    line = line.partition(": ")[2] or line
    return line[:1].upper() + line[1:]


class LazyCommands(TyperGroup):
    """A group that imports a command when it runs, and not before."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return sorted(file.stem.rstrip("_").replace("_", "-") for file in FOLDER.glob("[a-z]*.py"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command's name and help only: enough for the list."""
        if cmd_name not in self.list_commands(ctx):
            return None
        return TyperCommand(cmd_name, help=summary(FOLDER / f"{module_of(cmd_name)}.py"))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the real command."""
        name, found, rest = super().resolve_command(ctx, args)
        return (name, found, rest) if name is None or found is None else (name, load(name), rest)


def load(name: str) -> click.Command:
    """Import a command."""
    module = importlib.import_module(f"krabbel.commands.{module_of(name)}")
    app = getattr(module, "app", None)
    if app is None:
        app = typer.Typer(add_completion=False)
        app.command(name)(getattr(module, module_of(name)))
    command = typer.main.get_command(app)
    command.name = name
    return command


cli = typer.Typer(cls=LazyCommands, no_args_is_help=True, add_completion=False, rich_markup_mode="rich")


@cli.callback()
def krabbel() -> None:
    """Krabbel: receives, classifies and shows live what insect camera traps photograph."""


def main() -> None:
    """Run; an error that an operator can mend becomes one message and exit code 1, not a traceback."""
    from krabbel.stack.errors import StackError

    try:
        cli()
    except StackError as error:
        sys.stderr.write(f"krabbel: {error}\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
