"""JSON bodies of small requests, checked by their contract."""

from typing import TypeVar

from aiohttp import web
from pydantic import ValidationError

from proto.base import Contract
from proto.errors import BadRequest

Body = TypeVar("Body", bound=Contract)


async def body_of(request: web.Request, shape: type[Body]) -> Body:
    """Return what a request's body says; an empty one says ``{}``.

    Raises:
        BadRequest: it is no JSON of this shape; names the field.
    """
    try:
        return shape.model_validate_json(await request.read() or b"{}")
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise BadRequest(f"{'.'.join(map(str, first['loc'])) or 'JSON'}: {first['msg']}.") from error
