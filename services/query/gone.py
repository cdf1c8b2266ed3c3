"""What is answered in place of pictures that retention removed: words for programs, a picture with words for pages."""

from datetime import datetime

from aiohttp import web

from proto.errors import PicturesRemoved
from proto.run import TrackingRun

FOR_AN_HOUR = "public, max-age=3600"
PLACEHOLDER = (
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 320 320" width="320" height="320">'
    b'<rect width="320" height="320" fill="#8a8f86"/>'
    b'<g fill="none" stroke="#fff" stroke-width="6" stroke-linecap="round">'
    b'<rect x="100" y="92" width="120" height="88" rx="10"/>'
    b'<path d="M100 160l34-30 30 26 20-16 36 30"/><path d="M84 204L236 68"/></g>'
    b'<g fill="#fff" font-family="sans-serif" font-size="19" text-anchor="middle">'
    b'<text x="160" y="232">Bild nicht mehr aufbewahrt</text>'
    b'<text x="160" y="262">picture not kept any more</text></g></svg>'
)
"""For ``<img>``: browsers show what an answer holds, whatever its status is."""


def words(run: TrackingRun) -> str:
    """Return when and why the run's pictures went, in a sentence; empty where they did not."""
    gone = run.pictures_gone
    return "" if gone is None else sentence(gone.at, gone.why, gone.pictures, some_kept=bool(gone.kept))


def sentence(at: datetime, why: str, pictures: int, *, some_kept: bool) -> str:
    """Return when and why so many pictures of a run went."""
    how_many = f"{pictures} pictures" if some_kept else "All pictures"
    return f"{how_many} of this run were removed on {at:%Y-%m-%d}: {why}."


def refusal(run: TrackingRun) -> PicturesRemoved:
    """Return the refusal of a picture that is gone."""
    return PicturesRemoved(f"{words(run)} What was found out about it stays: GET /api/v1/runs/{run.run_id}")


def answer_gone(request: web.Request, run: TrackingRun) -> web.Response:
    """Answer 410: with a picture that says so to what asks for pictures first, as ``<img>`` does.

    Raises:
        PicturesRemoved: to everybody else, with the words.
    """
    if not request.headers.get("Accept", "").lstrip().startswith("image/"):
        raise refusal(run)
    headers = {
        "Cache-Control": FOR_AN_HOUR,
        "Vary": "Accept",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'",
        "Cross-Origin-Resource-Policy": "cross-origin",
    }
    return web.Response(status=410, body=PLACEHOLDER, content_type="image/svg+xml", headers=headers)
