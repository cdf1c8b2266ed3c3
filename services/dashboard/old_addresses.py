"""Addresses that people may have kept: a day was once chosen on the first page; it has a page of its own."""

from datetime import date

from tornado.httputil import HTTPServerRequest
from tornado.routing import Matcher, Rule
from tornado.web import RequestHandler

from services.dashboard.pages import day, frame, now
from services.dashboard.texts import language_of


class _AsksForDay(Matcher):
    """The first page's address with a day in it."""

    def match(self, request: HTTPServerRequest) -> dict[str, object] | None:
        return {} if request.path == now.PAGE.path and "day" in request.query_arguments else None


class _ToDay(RequestHandler):
    def get(self) -> None:
        language = language_of(self.get_query_argument("lang", None))
        try:
            state = {"day": date.fromisoformat(self.get_query_argument("day")).isoformat()}
        except ValueError:
            state = {}
        self.redirect(day.PAGE.path + frame.address(language, state))


def rules() -> list[Rule]:
    """Return the rules that lead old addresses to new ones."""
    return [Rule(_AsksForDay(), _ToDay)]
