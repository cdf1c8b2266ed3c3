"""``/api/v1/runs/{run_id}/thumbnail`` and ``/sheet``: a run as one small picture, and all its pictures on one.

The classifier makes both once, after the verdict (services/classifier/previews.py). Until then the best picture itself
is the answer, for a minute, and the run is put on the classifier's list. Like pictures they need no key: a run id is a
hash over the pictures' own, see docs/decisions/0003-image-addresses-are-capabilities.md.
"""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable

from aiohttp import web

from proto.errors import ImageNotFound, Unavailable
from proto.run import TrackingRun, sheet_key_of, thumbnail_key_of
from services.chassis.logging import get_logger
from services.chassis.previews_due import PreviewsDue
from services.query.gone import answer_gone
from services.query.parameters import Parameters
from services.query.pictures import CONTENT_TYPES
from services.query.routes_images import FOR_EVER, PICTURES, asks_for_known, picture, unchanged
from services.query.routes_runs import RUNS, run_id_of_path

FOR_A_MINUTE = "public, max-age=60"
ASK_AGAIN_S = 600.0
REMEMBERED = 10_000
STANDS_IN_S = 1.0
log = get_logger(__name__)


class AskedFor:
    """Puts runs without previews on the classifier's list, each at most once in ten minutes."""

    def __init__(self, due: PreviewsDue, clock: Callable[[], float] = time.monotonic) -> None:
        self._due, self._clock = due, clock
        self._asked: OrderedDict[str, float] = OrderedDict()

    async def note(self, run_id: str) -> None:
        """Note a run. A database that is away costs nobody the picture."""
        now = self._clock()
        if now - self._asked.get(run_id, -ASK_AGAIN_S) < ASK_AGAIN_S:
            return
        self._asked[run_id] = now
        self._asked.move_to_end(run_id)
        if len(self._asked) > REMEMBERED:
            self._asked.popitem(last=False)
        try:
            await self._due.note([run_id])
        except Unavailable as error:
            log.info("a missing preview is not noted", run_id=run_id, reason=str(error))


class StandsIn:
    """Remembers for a moment which picture stands for a run without previews: a new visitor in an article is asked for
    by all its readers at once, and one of them is enough for the store and the database."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: OrderedDict[str, tuple[float, str, str]] = OrderedDict()

    def keep(self, key: str, sha256: str, extension: str) -> None:
        """Keep what stands in for a preview."""
        self._known[key] = (self._clock() + STANDS_IN_S, sha256, extension)
        self._known.move_to_end(key)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)

    def get(self, key: str) -> tuple[str, str] | None:
        """Return hash and extension, or None where it is time to look again."""
        until, sha256, extension = self._known.get(key, (0.0, "", ""))
        return (sha256, extension) if self._clock() < until else None


ASKED = web.AppKey("asked", AskedFor)
STANDS_IN = web.AppKey("stands_in", StandsIn)


async def thumbnail(request: web.Request) -> web.Response:
    """``GET /api/v1/runs/{run_id}/thumbnail``: the best picture, 320 px at most."""
    return await _preview(request, thumbnail_key_of)


async def sheet(request: web.Request) -> web.Response:
    """``GET /api/v1/runs/{run_id}/sheet``: all pictures of a run on one (of many, some)."""
    return await _preview(request, sheet_key_of)


async def _preview(request: web.Request, key_of: Callable[[str], str]) -> web.Response:
    Parameters(request.query, ())
    run_id = run_id_of_path(request)
    key = key_of(run_id)
    instead = request.app[STANDS_IN].get(key)
    if instead is None:
        data = await request.app[PICTURES].preview(key)
        if data is not None:
            tag = hashlib.sha256(data).hexdigest()[:32]
            if asks_for_known(request, tag):
                return unchanged(tag, FOR_EVER)
            return picture(request, data, "image/webp", tag, FOR_EVER)
        run = await request.app[RUNS].one(run_id, ())
        if run.pictures_gone is not None and (key_of is sheet_key_of or not run.stored_images):
            return answer_gone(request, run)
        if run.result is not None:
            await request.app[ASKED].note(run_id)
        instead = _best_of(run)
        request.app[STANDS_IN].keep(key, *instead)
    sha256, extension = instead
    tag = f"{sha256}-p"
    if asks_for_known(request, tag):
        return unchanged(tag, FOR_A_MINUTE)
    data = await request.app[PICTURES].get(run_id, sha256, extension)
    return picture(request, data, CONTENT_TYPES[extension], tag, FOR_A_MINUTE)


def _best_of(run: TrackingRun) -> tuple[str, str]:
    """Return SHA-256 and extension of the picture that stands for the run.

    Raises:
        ImageNotFound: its key has another form than those that we give.
    """
    wanted = run.result.best_image if run.result else None
    stored = run.stored_images
    best = next((image for image in stored if image.sha256 == wanted), stored[len(stored) // 2])
    extension = best.object_key.rpartition(".")[2]
    if extension not in CONTENT_TYPES:
        raise ImageNotFound("The run has no picture that can be shown.")
    return best.sha256, extension


def routes() -> list[web.RouteDef]:
    """Return the routes of this module."""
    return [
        web.get("/api/v1/runs/{run_id}/thumbnail", thumbnail),
        web.get("/api/v1/runs/{run_id}/sheet", sheet),
    ]
