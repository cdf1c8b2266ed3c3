"""Sunrise and sunset at a camera, computed here: nothing is asked of anybody."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from astral import LocationInfo
from astral.sun import sun
from tornado.web import RequestHandler

from proto.camera import Camera
from services.dashboard.roles import role_of
from services.dashboard.state import State

ADDRESS = "/ui/sun"


@dataclass(frozen=True, slots=True)
class SunTimes:
    """Hours of the local day, as the clock shows them: 5.5 is 05:30."""

    rise: float
    set: float


def sun_of(day: date, latitude: float, longitude: float, zone: ZoneInfo) -> SunTimes | None:
    """Return the sun's times; None where it does not rise or set on that day."""
    place = LocationInfo("", "", zone.key, latitude, longitude)
    try:
        times = sun(place.observer, date=day, tzinfo=zone)
    except ValueError:
        return None
    return SunTimes(_hour(times["sunrise"]), _hour(times["sunset"]))


def _hour(moment: datetime) -> float:
    return round(moment.hour + moment.minute / 60 + moment.second / 3600, 3)


def place_of(cameras: dict[str, Camera], zone: ZoneInfo) -> Camera | None:
    """Return the camera whose sun is drawn: the first by name that has a place, rather in the zone most are in."""
    placed = [camera for camera in cameras.values() if camera.latitude is not None and camera.longitude is not None]
    return min(placed, key=lambda camera: (camera.timezone != zone.key, camera.name.casefold()), default=None)


class SunHandler(RequestHandler):
    """``GET /ui/sun?day=2026-05-12``."""

    def initialize(self, state: State) -> None:
        """Called by tornado with what the route was made with."""
        self._state = state

    def get(self) -> None:
        """Answer the hours of sunrise and sunset, and where; nulls where no camera says where it stands."""
        if role_of(self.request) is None:
            self.send_error(403)
            return
        try:
            day = date.fromisoformat(self.get_query_argument("day", ""))
        except ValueError:
            self.set_status(400)
            self.finish({"title": "day: give a day as YYYY-MM-DD", "status": 400})
            return
        camera = place_of(self._state.cameras, self._state.zone())
        times = None
        if camera is not None and camera.latitude is not None and camera.longitude is not None:
            times = sun_of(day, camera.latitude, camera.longitude, ZoneInfo(camera.timezone))
        answer: dict[str, Any] = {"rise": None, "set": None, "place": None}
        if camera is not None and times is not None:
            answer = {"rise": times.rise, "set": times.set, "place": camera.place or camera.name}
        self.set_header("Cache-Control", "private, max-age=300")
        self.finish(answer)
