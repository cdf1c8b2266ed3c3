"""``/api/v1/runs``: the list and the single run."""

import re
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web
from pydantic_core import to_json
from yarl import URL

from proto.errors import BadRequest, RunNotFound
from services.chassis.runs import from_document
from services.chassis.verifications import Verifications
from services.query.access import SETTINGS, reader_of, visible_cameras
from services.query.cursor import Cursor
from services.query.parameters import Parameters
from services.query.representations import CONTENT_TYPES, CsvLines, Form, answer, form_of
from services.query.run_filter import FILTERS, PAGING, Page, RunFilter, parse_filter, parse_page
from services.query.run_reader import RunReader
from services.query.run_rows import COLUMNS, ROW_FIELDS, parse_fields, row_of, selected
from services.query.streaming import streamed

RUNS = web.AppKey("runs", RunReader)
VERIFICATIONS = web.AppKey("verifications", Verifications)
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


async def list_runs(request: web.Request) -> web.StreamResponse:
    """``GET /api/v1/runs``: a page; without ``limit``, CSV and NDJSON are the whole selection, streamed."""
    principal = await reader_of(request)
    parameters = Parameters(request.query, (*FILTERS, *PAGING, "fields", "format"))
    form = form_of(request)
    selection = parse_filter(parameters)
    selection = selection.of_cameras(visible_cameras(principal, selection.cameras))
    page = parse_page(parameters, request.app[SETTINGS].page_limit)
    fields = parse_fields(parameters.text("fields", longest=2000))
    if form == "csv" and fields:
        raise BadRequest("fields: CSV always has the same columns. Ask for JSON or NDJSON.")
    reader = request.app[RUNS]
    if form != "json" and "limit" not in request.query and page.cursor is None:
        pieces = _table(reader, selection, page, form, fields)
        return await streamed(request, pieces, CONTENT_TYPES[form], file_name=f"runs.{form}")
    if form == "csv":
        documents, following = await reader.documents(selection, page, (*ROW_FIELDS,))
        items: list[Any] = [row_of(document) for document in documents]
    elif fields:
        documents, following = await reader.documents(selection, page, fields)
        items = [selected(document, fields) for document in documents]
    else:
        found = await reader.page(selection, page)
        items, following = list(found.items), found.next
    headers = {"Link": next_link(request.url, following)} if following else {}
    body = {"items": items, "next": following.encode() if following else None}
    return answer(request, body, items, form=form, headers=headers)


async def _table(
    reader: RunReader, selection: RunFilter, page: Page, form: Form, fields: tuple[str, ...]
) -> AsyncIterator[bytes]:
    """Yield a whole selection as CSV or NDJSON."""
    lines = CsvLines(COLUMNS)
    if form == "csv":
        yield lines.head()
    wanted = ROW_FIELDS if form == "csv" else fields
    async for document in reader.stream(selection, fields=wanted, order=page.order):
        if form == "csv":
            yield lines.row(row_of(document))
        elif fields:
            yield to_json(selected(document, fields)) + b"\n"
        else:
            yield from_document(document).model_dump_json().encode() + b"\n"


async def one_run(request: web.Request) -> web.Response:
    """``GET /api/v1/runs/{run_id}``."""
    principal = await reader_of(request)
    Parameters(request.query, ())
    run = await request.app[RUNS].one(run_id_of_path(request), visible_cameras(principal, ()))
    said = await request.app[RUNS].classifications(run.run_id)
    decided = await request.app[VERIFICATIONS].history(run.run_id)
    return answer(request, {"run": run, "classifications": said, "verifications": decided})


def routes() -> list[web.RouteDef]:
    """Return the routes of this module."""
    return [web.get("/api/v1/runs", list_runs), web.get("/api/v1/runs/{run_id}", one_run)]
