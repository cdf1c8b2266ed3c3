"""``POST /api/v1/verifications``: people say what runs are. Ingest takes it because all writes come in here."""

from aiohttp import web

from proto.camera import Scope
from proto.errors import BadRequest
from proto.verification import VerificationAnswer, VerificationRequest
from services.chassis.verifications import Verifications
from services.chassis.web import json_response
from services.ingest.bodies import body_of
from services.ingest.routes import authenticate

VERIFICATIONS = web.AppKey("verifications", Verifications)


async def verify(request: web.Request) -> web.Response:
    """Confirm, correct or withdraw, many runs at once: all of them or none."""
    principal = await authenticate(request)
    principal.require(Scope.VERIFY)
    wanted = await body_of(request, VerificationRequest)
    ids = [item.run_id for item in wanted.items]
    if len(set(ids)) < len(ids):
        raise BadRequest("items: a run is named twice; say one thing of each.")
    cameras = () if principal.camera_id is None else (principal.camera_id,)
    answers = await request.app[VERIFICATIONS].decide(wanted.items, wanted.by, cameras=cameras)
    return json_response(VerificationAnswer(items=tuple(answers)))


def routes() -> list[web.RouteDef]:
    """Return the routes of this module."""
    return [web.post("/api/v1/verifications", verify)]
