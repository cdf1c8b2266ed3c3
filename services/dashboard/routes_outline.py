"""``/ui/outline``: the small map beside a run."""

from tornado.web import RequestHandler

from services.dashboard.outline import outline
from services.dashboard.roles import role_of

PATH = r"/ui/outline"
BOUNDS = {"latitude": 90.0, "longitude": 180.0, "uncertainty_m": 1_000_000.0}
SPANS_DEGREES = (1.0, 40.0)


class OutlineHandler(RequestHandler):
    """Answers the map around a place; the same place always has the same one."""

    def get(self) -> None:
        """``latitude``, ``longitude`` in degrees; ``uncertainty_m`` in metres, if the place is coarse; ``span``:
        degrees of latitude from the lower to the upper edge.
        """
        if role_of(self.request) is None:
            self.send_error(403)
            return
        try:
            values = {name: float(self.get_query_argument(name, "0")) for name in BOUNDS}
            span = min(SPANS_DEGREES[1], max(SPANS_DEGREES[0], float(self.get_query_argument("span", "7"))))
        except ValueError:
            values = {}
        if not values or not all(abs(value) <= BOUNDS[name] for name, value in values.items()):
            self.send_error(400)
            return
        self.set_header("Cache-Control", "private, max-age=86400")
        self.write(outline(**values, span_degrees=span))
