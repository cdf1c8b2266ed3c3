"""Every `krabbel` command in README and docs is one that there is, with options that it has."""

import click
import pytest

from krabbel.cli import LazyCommands, load
from tests.support.documented import code_lines, commands, words


@pytest.mark.parametrize("command", sorted(commands()))
def test_documented_command_is_understood(command: str) -> None:
    name, *rest = words(command)
    assert name in LazyCommands(name="krabbel").list_commands(click.Context(click.Command("krabbel"))), command
    found: click.Command = load(name)
    while isinstance(found, click.Group) and rest and not rest[0].startswith("-"):
        inner = found.get_command(click.Context(found), rest[0])
        assert inner is not None, f"{commands()[command]}: {command}"
        found, rest = inner, rest[1:]
    try:
        found.make_context(name, list(rest), resilient_parsing=False)
    except click.exceptions.Exit:
        pass  # --help
    except (click.NoSuchOption, click.MissingParameter) as error:
        pytest.fail(f"{commands()[command]}: {command}: {error.format_message()}")
    except click.BadParameter as error:
        if "does not exist" not in error.format_message():  # a file of the reader's
            pytest.fail(f"{command}: {error.format_message()}")


def test_there_are_commands_to_look_at() -> None:
    assert len(commands()) > 20


def test_code_is_found_in_both_kinds_of_blocks() -> None:
    assert code_lines("text\n\n    krabbel a \\\n      b\n\n```sh\nkrabbel c\n```\n") == [
        "krabbel a        b",
        "krabbel c",
    ]
