"""``PUT /api/v1/retention``: how long pictures are kept. Ingest takes it because all writes come in here."""

import json
from datetime import UTC, datetime

from aiohttp import web

from proto.errors import BadRequest
from services.chassis.retention import Retention, parse_rules
from services.chassis.web import json_response
from services.ingest.operators import administrator, note
from services.ingest.retention import RetentionTask

RETENTION = web.AppKey("retention", Retention)
TASK = web.AppKey("retention_task", RetentionTask)


async def put_retention(request: web.Request) -> web.Response:
    """Keep new rules, all of them at once; with ``dry_run=true`` only say what would go by them."""
    principal = await administrator(request)
    try:
        body = json.loads(await request.read())
    except ValueError as error:
        raise BadRequest("The body is no JSON.") from error
    rules, retention = parse_rules(body), request.app[RETENTION]
    if request.query.get("dry_run") in ("true", "1"):
        return json_response(await retention.state(datetime.now(UTC), rules))
    await retention.set_rules(rules, principal.name)
    note(principal, "retention set", rules=rules.model_dump_json(exclude_defaults=True))
    request.app[TASK].wake()
    return json_response(await retention.state(datetime.now(UTC)))


def routes() -> list[web.RouteDef]:
    """Return the routes of this module."""
    return [web.put("/api/v1/retention", put_retention)]
