"""The page of commands, from the command line's own help."""

from collections.abc import Iterator

import click

from krabbel.cli import LazyCommands, load

HEAD = """# The command `krabbel`

It stands in `.venv/bin` (`source .venv/bin/activate`); in containers it is `docker compose run --rm cli …`. Where a
command needs a running system, it finds it in the folder `data`, in the one that `--data-dir` names, or by the
`KRABBEL_*` settings. This page is generated: `python -m krabbel.reference`.
"""


def _arguments(command: click.Command) -> str:
    return " ".join(
        (parameter.human_readable_name if parameter.required else f"[{parameter.human_readable_name}]")
        for parameter in command.params
        if isinstance(parameter, click.Argument)
    )


def _options(command: click.Command) -> Iterator[str]:
    for parameter in command.params:
        if isinstance(parameter, click.Option) and not parameter.hidden and parameter.name != "help":
            names = ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))
            default = parameter.default
            plain = isinstance(default, (str, int, float)) and not isinstance(default, bool) and default != ""
            yield f"| {names} | {_one_line(parameter.help)} | {f'`{default}`' if plain else ''} |"


def _one_line(text: str | None) -> str:
    return " ".join((text or "").replace("|", "or").split())


def _sections(name: str, command: click.Command, depth: int = 2) -> Iterator[str]:
    yield f"\n{'#' * depth} {name}\n"
    yield f"\n{_one_line((command.help or command.short_help or '').partition(chr(12))[0])}\n"
    if isinstance(command, click.Group):
        for inner in command.list_commands(click.Context(command)):
            found = command.get_command(click.Context(command), inner)
            if found is not None and not found.hidden:
                yield from _sections(f"{name} {inner}", found, depth + 1)
        return
    yield f"\n    {name} {_arguments(command)}".rstrip() + "\n"
    options = list(_options(command))
    if options:
        yield "\n| option | meaning | default |\n|---|---|---|\n" + "\n".join(options) + "\n"


def page() -> str:
    """Return the whole page."""
    group = LazyCommands(name="krabbel")
    names = group.list_commands(click.Context(group))
    return HEAD + "".join(part for name in names for part in _sections(f"krabbel {name}", load(name)))
