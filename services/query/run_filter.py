"""Which runs a reader asks for, and the same as a MongoDB query that an index can answer. Plain code."""

import re
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from proto.classification import Certainty
from proto.errors import BadRequest
from proto.run import RunStatus
from proto.taxonomy import taxonomy
from services.query.cursor import Cursor, decode_cursor
from services.query.parameters import Parameters
from services.query.run_order import NEWEST, ORDERS, Order

FILTERS = (
    "camera",
    "day",
    "hour",
    "class",
    "status",
    "insect",
    "certainty",
    "model",
    "verified",
    "pictures",
    "from",
    "to",
    "q",
)
PAGING = ("limit", "cursor", "order")

# A local day of any zone on earth lies within these bounds around the same day in UTC.
_EARLIEST = timedelta(hours=-14)
_LATEST = timedelta(hours=36)


@dataclass(frozen=True, slots=True)
class RunFilter:
    """A selection of runs. Empty tuples and None select everything."""

    cameras: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    certainties: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    insect: bool | None = None
    verified: bool | None = None
    """Whether a person has spoken."""
    pictures: bool | None = None
    """Whether all its pictures are kept."""
    first_day: date | None = None
    last_day: date | None = None
    hour: int | None = None
    """An hour of the one local day that is asked for."""
    after: datetime | None = None
    before: datetime | None = None
    text: str | None = None
    track: str | None = None
    """The trap's own track id."""
    classified: bool | None = None
    """Whether the run has a result; one that is being reclassified keeps its old one."""

    def of_cameras(self, cameras: tuple[str, ...]) -> "RunFilter":
        """Return the same selection of other cameras."""
        return replace(self, cameras=cameras)


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list, and in which order."""

    limit: int
    cursor: Cursor | None = None
    order: Order = NEWEST


def parse_filter(parameters: Parameters) -> RunFilter:
    """Return the selection that the parameters describe.

    Raises:
        BadRequest: one of them cannot be understood, or they contradict each other.
    """
    day, start, end = parameters.day("day"), parameters.moment("from"), parameters.moment("to")
    if day and (start or end):
        raise BadRequest("day: give either a day, or from and to; not both.")
    first_day = start if isinstance(start, date) and not isinstance(start, datetime) else day
    last_day = end if isinstance(end, date) and not isinstance(end, datetime) else day
    hour = parameters.whole("hour", -1, least=0, most=23)
    if hour >= 0 and not day:
        raise BadRequest("hour: an hour of which day? Give the day, too.")
    after = start if isinstance(start, datetime) else None
    before = end if isinstance(end, datetime) else None
    if (first_day and last_day and first_day > last_day) or (after and before and after >= before):
        raise BadRequest("from: lies after 'to'.")
    return RunFilter(
        cameras=parameters.cameras(),
        labels=parameters.labels(),
        statuses=parameters.of("status", [status.value for status in RunStatus]),
        certainties=parameters.of("certainty", [certainty.value for certainty in Certainty]),
        models=parameters.several("model", lambda value: None if len(value) <= 200 else "is too long"),
        insect=parameters.flag("insect"),
        verified=parameters.flag("verified"),
        pictures=parameters.flag("pictures"),
        first_day=first_day,
        last_day=last_day,
        hour=None if hour < 0 else hour,
        after=after,
        before=before,
        text=parameters.text("q", longest=100),
    )


def parse_page(parameters: Parameters, most: int) -> Page:
    """Return the page that the parameters ask for."""
    cursor, order = parameters.text("cursor"), parameters.choice("order", ORDERS, NEWEST)
    return Page(
        limit=parameters.whole("limit", min(50, most), least=1, most=most),
        cursor=decode_cursor(cursor, order.kind) if cursor else None,
        order=order,
    )


def query_of(selection: RunFilter) -> dict[str, Any]:
    """Return the MongoDB query.

    Days get bounds on ``sort_at`` besides: the list is walked in that order, so a day long ago is found by
    seeking, not by walking there from today.
    """
    query: dict[str, Any] = {}
    for field, values in (
        ("camera_id", selection.cameras),
        ("label", selection.labels),
        ("status", selection.statuses),
        ("result.certainty", selection.certainties),
        ("result.model_id", selection.models),
    ):
        if values:
            query[field] = values[0] if len(values) == 1 else {"$in": list(values)}
    if selection.track is not None:
        query["tracking_id"] = selection.track
    if selection.classified is not None:
        query["result"] = {"$ne": None} if selection.classified else None
    if selection.insect is not None:
        query["is_insect"] = selection.insect
    if selection.pictures is not None:
        query["pictures_gone"] = None if selection.pictures else {"$ne": None}
    if selection.verified is not None:
        query["verification.label"] = {"$gt": ""} if selection.verified else None
    days: dict[str, str] = {}
    moments: list[tuple[str, datetime]] = []
    if selection.first_day:
        days["$gte"] = selection.first_day.isoformat()
        moments.append(("$gte", _shifted(selection.first_day, _EARLIEST)))
    if selection.last_day:
        days["$lte"] = selection.last_day.isoformat()
        moments.append(("$lt", _shifted(selection.last_day, _LATEST)))
    if days:
        same = selection.first_day is not None and selection.first_day == selection.last_day
        query["local_date"] = days["$gte"] if same else days
    if selection.hour is not None:
        query["local_hour"] = selection.hour
    if selection.after:
        moments.append(("$gte", selection.after))
    if selection.before:
        moments.append(("$lt", selection.before))
    if moments:
        query["sort_at"] = dict(moments)
    if selection.text:
        query["$or"] = _text_query(selection.text)
    return query


def page_query(selection: RunFilter, page: Page) -> dict[str, Any]:
    """Return the query of the selection's rows behind the page's cursor."""
    query, restriction = query_of(selection), page.order.restriction()
    parts = [part for part in (query, restriction) if part]
    if page.cursor is not None:
        parts.append(page.order.behind(page.cursor.value, page.cursor.run_id))
    return parts[0] if len(parts) == 1 else {"$and": parts} if parts else {}


def _shifted(day: date, by: timedelta) -> datetime:
    """Return a moment around a day's start in UTC, kept within the calendar."""
    try:
        return datetime.combine(day, time(), UTC) + by
    except OverflowError:
        return datetime.combine(day, time(), UTC)


def _text_query(text: str) -> list[dict[str, Any]]:
    """Return the alternatives of a free-text search, each one that an index answers in the list's order:
    a class by any of its short names, a track's id, or the start of a run's id."""
    wanted = text.casefold()
    labels = [
        label
        for label, entry in taxonomy().items()
        if any(wanted in name.casefold() for name in (label, entry.name_de, entry.name_en, entry.scientific_name))
    ]
    alternatives: list[dict[str, Any]] = [{"tracking_id": text}]
    if labels:
        alternatives.append({"label": {"$in": labels}})
    if re.fullmatch(r"[0-9a-f]{8,32}", wanted):
        alternatives.append({"_id": {"$gte": wanted.ljust(32, "0"), "$lte": wanted.ljust(32, "f")}})
    return alternatives
