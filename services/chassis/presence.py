"""Which hours a camera was heard in: a camera that is silent must not be read as "no insects".

One document per camera and UTC day, with the hours in which it uploaded or sent a heartbeat. A process writes each hour
once, so this costs nothing per upload.
"""

from collections import OrderedDict
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from services.chassis.database import Database, available

REMEMBERED = 4096


class Presence:
    """Repository of the hours. Raises :class:`proto.errors.Unavailable` while the database is away."""

    def __init__(self, database: Database) -> None:
        self._presence = database.presence
        self._noted: OrderedDict[tuple[str, str, int], None] = OrderedDict()

    async def note(self, camera_id: str, at: datetime) -> None:
        """Note that the camera was heard at this moment."""
        moment = at.astimezone(UTC)
        hour = (camera_id, moment.date().isoformat(), moment.hour)
        if hour in self._noted:
            return
        await available(
            lambda: self._presence.update_one(
                {"_id": f"{hour[0]}|{hour[1]}"},
                {"$set": {"camera_id": hour[0], "day": hour[1]}, "$addToSet": {"hours": hour[2]}},
                upsert=True,
            )
        )
        self._noted[hour] = None
        while len(self._noted) > REMEMBERED:
            self._noted.popitem(last=False)

    async def hours(self, cameras: Iterable[str], first: date, last: date) -> dict[str, list[datetime]]:
        """Return the hours (their beginnings, UTC) in which each camera was heard, a day around the span included."""
        wanted = list(cameras)
        edge = timedelta(days=1)
        query = {
            "camera_id": {"$in": wanted},
            "day": {
                "$gte": (first - edge if first > date.min else first).isoformat(),
                "$lte": (last + edge if last < date.max else last).isoformat(),
            },
        }
        found: dict[str, list[datetime]] = {camera: [] for camera in wanted}
        for document in await available(lambda: self._presence.find(query).to_list(None)):
            day = date.fromisoformat(document["day"])
            found[document["camera_id"]] += [
                datetime(day.year, day.month, day.day, hour, tzinfo=UTC) for hour in sorted(document["hours"])
            ]
        return found
