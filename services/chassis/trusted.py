"""Contracts from documents that we wrote ourselves: built, not validated.

A document in the database was validated before it was written. Validating it again costs six times as much as all else
that a list does with it, so lists, exports and the live stream take the fields as they stand. What a newer contract has
and an older document lacks gets its default; what a contract does not know is left out, as with validation.
"""

from collections.abc import Callable, Mapping
from datetime import date
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

from proto.base import Contract

C = TypeVar("C", bound=Contract)
Convert = Callable[[Any], Any]


def trusted(contract: type[C], document: Mapping[str, Any]) -> C:
    """Return the contract that a document of ours holds."""
    return _builder(contract)(document)  # type: ignore[no-any-return]


@cache
def _builder(contract: type[Contract]) -> Convert:
    fields = [(name, None if field.is_required() else field.default) for name, field in contract.model_fields.items()]
    converts = [
        (name, convert)
        for name, field in contract.model_fields.items()
        if (convert := _convert(field.annotation)) is not None
    ]
    names = {name for name, _ in fields}
    new, put = contract.__new__, object.__setattr__

    def build(document: Mapping[str, Any]) -> Contract:
        get = document.get
        values = {name: get(name, default) for name, default in fields}
        for name, convert in converts:
            value = values[name]
            if value is not None:
                values[name] = convert(value)
        made = new(contract)
        # What pydantic's model_construct sets, without its search for aliases and defaults.
        put(made, "__dict__", values)
        put(made, "__pydantic_fields_set__", names)
        put(made, "__pydantic_extra__", None)
        put(made, "__pydantic_private__", None)
        return made

    return build


def _convert(annotation: Any) -> Convert | None:
    """Return what makes a field's value of what the database holds; None where that is the value."""
    origin = get_origin(annotation)
    if origin in (Union, UnionType):
        (annotation,) = (kind for kind in get_args(annotation) if kind is not NoneType)
        return _convert(annotation)
    if origin is tuple:
        return _each(tuple, _convert(get_args(annotation)[0]))
    if origin is frozenset:
        return _each(frozenset, _convert(get_args(annotation)[0]))
    if origin is not None and hasattr(annotation, "__metadata__"):
        return _convert(get_args(annotation)[0])
    if not isinstance(annotation, type):
        return None
    if issubclass(annotation, Contract):
        return _builder(annotation)
    if issubclass(annotation, Enum):
        members = {member.value: member for member in annotation}
        return members.__getitem__
    if annotation is date:
        return _day
    return None


def _each(made: Callable[[Any], Any], convert: Convert | None) -> Convert:
    """Return what makes a field's several values."""
    if convert is None:
        return made
    return lambda values: made([convert(value) for value in values])


def _day(value: Any) -> date:
    return date.fromisoformat(value) if isinstance(value, str) else value
