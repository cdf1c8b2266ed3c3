"""Makes the thumbnail and the contact sheet of classified runs, while no live run is in hand.

It is told of each verdict and only notes the run's id, so live runs pay nothing. When the worker is idle it fetches the
pictures once more, one run at a time, and stores both previews. Whatever goes wrong here fails no run: without a
preview readers get the best picture itself (services/query/routes_previews.py), and asking notes the run again.
"""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from typing import TypeVar

from PIL import Image

from proto.errors import NotFound, PicturesRemoved, Unavailable
from proto.run import ImageReference, TrackingRun, sheet_key_of, thumbnail_key_of
from services.chassis.logging import get_logger
from services.chassis.object_store import ObjectStore
from services.chassis.previews_due import PreviewsDue
from services.classifier.metrics import PREVIEWS
from services.classifier.preprocess import UnreadableImage
from services.classifier.sheet import THUMBNAIL_PX, TILE_PX, chosen, contact_sheet, small, webp

MOST_WAITING = 5000
"""Ids in memory; in a rush the older half goes to the database"""
LOOK_EVERY_S = 10.0
PATIENCE_S = 60.0
"""Even while live runs never cease, a run a minute gets its previews."""
WEBP = "image/webp"
BEST = "best"
T = TypeVar("T")
log = get_logger(__name__)

GetRun = Callable[[str], Awaitable[TrackingRun]]
WaitIdle = Callable[[float], Awaitable[None]]


class Previews:
    """The work list of one worker, and the work."""

    def __init__(
        self, store: ObjectStore, get_run: GetRun, due: PreviewsDue, threads: Executor, wait_idle: WaitIdle
    ) -> None:
        """``wait_idle``: returns when no live work is in hand, or after so many seconds."""
        self._store, self._get_run, self._due = store, get_run, due
        self._threads, self._wait_idle = threads, wait_idle
        self._waiting: dict[str, None] = {}
        self._awake = asyncio.Event()

    def note(self, run_id: str) -> None:
        """Remember that a run has a new verdict."""
        self._waiting.pop(run_id, None)
        self._waiting[run_id] = None
        self._awake.set()

    async def run_forever(self) -> None:
        """Work until cancelled; then what is left goes to the database."""
        try:
            while True:
                try:
                    await self._next()
                except Unavailable as error:
                    log.info("previews wait", reason=str(error))
                    await asyncio.sleep(LOOK_EVERY_S)
        finally:
            await self._hand_over(len(self._waiting))

    async def _next(self) -> None:
        """Make the previews of one run, or wait a little where none is due."""
        if len(self._waiting) > MOST_WAITING:
            await self._hand_over(MOST_WAITING // 2)
        await self._wait_idle(PATIENCE_S)
        if self._waiting:
            run_id = next(iter(self._waiting))
            await self.make(run_id)
            self._waiting.pop(run_id, None)
            return
        taken = await self._due.take()
        if taken is not None:
            await self.make(taken)
            await self._due.done(taken)
            return
        self._awake.clear()
        try:
            async with asyncio.timeout(LOOK_EVERY_S):
                await self._awake.wait()
        except TimeoutError:
            return

    async def _hand_over(self, count: int) -> None:
        """Write the oldest ``count`` ids to the database; where that fails, readers' questions bring them back."""
        oldest = list(self._waiting)[:count]
        try:
            await self._due.note(oldest)
        except Unavailable as error:
            log.info("previews are left to be asked for", runs=len(oldest), reason=str(error))
        for run_id in oldest:
            self._waiting.pop(run_id, None)

    async def make(self, run_id: str) -> bool:
        """Make and store both previews of a run, unless they are there; return whether they were made now.

        Raises:
            Unavailable: the object store or the database is away.
        """
        try:
            run = await self._get_run(run_id)
            if run.pictures_gone is not None:
                raise PicturesRemoved("Retention removed its pictures; what previews it had stay or went by the rules.")
            best = _best_of(run)
            if (await self._store.labels(sheet_key_of(run_id))).get(BEST) == best.sha256:
                PREVIEWS.labels("there").inc()
                return False
            await self._make(run, best)
        except (NotFound, PicturesRemoved):
            PREVIEWS.labels("gone").inc()
        except Unavailable:
            raise
        except Exception as error:  # nothing that happens to a preview may matter to anything else
            PREVIEWS.labels("failed").inc()
            log.warning("no preview of a run", run_id=run_id, reason=f"{type(error).__name__}: {error}")
        else:
            PREVIEWS.labels("made").inc()
            return True
        return False

    async def _make(self, run: TrackingRun, best: ImageReference) -> None:
        shown = [run.images[number] for number in chosen(len(run.images))]
        tiles = [tile for image in shown if (tile := await self._picture(image, TILE_PX)) is not None]
        portrait = await self._picture(best, THUMBNAIL_PX)
        portrait = portrait or (tiles[0] if tiles else None)
        if portrait is None:
            raise UnreadableImage("none of its pictures can be shown")
        thumbnail = await self._in_thread(lambda: webp(portrait))
        sheet = await self._in_thread(lambda: contact_sheet(tiles or [portrait]))
        await self._store.put_labelled(thumbnail_key_of(run.run_id), thumbnail, WEBP, {BEST: best.sha256})
        # Last: where it stands, both do.
        await self._store.put_labelled(sheet_key_of(run.run_id), sheet, WEBP, {BEST: best.sha256})

    async def _picture(self, image: ImageReference, box: int) -> Image.Image | None:
        try:
            data = await self._store.get(image.object_key)
            return await self._in_thread(lambda: small(data, box))
        except (NotFound, UnreadableImage):
            return None

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def _best_of(run: TrackingRun) -> ImageReference:
    """Return the picture that stands for the run: the model's choice, else the one in the middle."""
    wanted = run.result.best_image if run.result else None
    return next((image for image in run.images if image.sha256 == wanted), run.images[len(run.images) // 2])
