"""``/api/v1/runs``: the list and the single run."""

import re

from aiohttp import web
from yarl import URL

from proto.errors import RunNotFound
from services.chassis.web import json_response
from services.query.access import SETTINGS, reader_of, visible_cameras
from services.query.cursor import Cursor
from services.query.parameters import Parameters
from services.query.run_filter import FILTERS, PAGING, parse_filter, parse_page
from services.query.run_reader import RunReader

RUNS = web.AppKey("runs", RunReader)
_RUN_ID = re.compile(r"[0-9a-f]{32}")


def run_id_of_path(request: web.Request) -> str:
    """Return the run id in the path.

    Raises:
        RunNotFound: what stands there cannot be one.
    """
    run_id = request.match_info["run_id"]
    if not _RUN_ID.fullmatch(run_id):
        raise RunNotFound(f"{run_id[:80]!r} is no run id: those are 32 hexadecimal digits.")
    return run_id


def next_link(url: URL, cursor: Cursor) -> str:
    """Return the Link header's value for the following page: the same request with another cursor."""
    return f'<{url.update_query(cursor=cursor.encode()).relative()}>; rel="next"'


async def list_runs(request: web.Request) -> web.Response:
    """``GET /api/v1/runs``."""
    principal = await reader_of(request)
    parameters = Parameters(request.query, (*FILTERS, *PAGING))
    selection = parse_filter(parameters)
    selection = selection.of_cameras(visible_cameras(principal, selection.cameras))
    page = await request.app[RUNS].page(selection, parse_page(parameters, request.app[SETTINGS].page_limit))
    headers = {"Link": next_link(request.url, page.next)} if page.next else {}
    body = {"items": page.items, "next": page.next.encode() if page.next else None}
    return json_response(body, headers=headers)


async def one_run(request: web.Request) -> web.Response:
    """``GET /api/v1/runs/{run_id}``."""
    principal = await reader_of(request)
    Parameters(request.query, ())
    run = await request.app[RUNS].one(run_id_of_path(request), visible_cameras(principal, ()))
    return json_response({"run": run, "classifications": await request.app[RUNS].classifications(run.run_id)})


def routes() -> list[web.RouteDef]:
    """Return the routes of this module."""
    return [web.get("/api/v1/runs", list_runs), web.get("/api/v1/runs/{run_id}", one_run)]
