"""Errors of ours become one clear line and exit code 1, not a traceback."""

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import typer
from rich.console import Console

from proto.errors import KrabbelError

P = ParamSpec("P")
R = TypeVar("R")


def plainly(command: Callable[P, R]) -> Callable[P, R]:
    """Decorate a command so that a :class:`KrabbelError` is said in plain words."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except KrabbelError as error:
            Console(stderr=True, soft_wrap=True).print(f"[red]{error.title}:[/] {error.detail}")
            raise typer.Exit(1) from error

    return wrapped
