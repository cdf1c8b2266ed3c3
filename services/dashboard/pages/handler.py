"""Serves the pages that need no session: a template, and what its scripts find along with it."""

from tornado.web import RequestHandler

from services.dashboard.doorkeeper import login_address
from services.dashboard.hub import Topic
from services.dashboard.pages import frame
from services.dashboard.pages.page import Page, Request
from services.dashboard.pages.registry import PAGES
from services.dashboard.roles import person_of
from services.dashboard.texts import language_of
from services.dashboard.views import Views

LONGEST_ARGUMENT = 200
BROUGHT = (Topic.TOTALS, Topic.CAMERAS, Topic.SYSTEM, Topic.LINK)


class PageHandler(RequestHandler):
    """One page of the registry."""

    def initialize(self, page: Page, views: Views, public_url: str) -> None:
        """Called by tornado with what the route was made with."""
        self._page, self._views, self._public_url = page, views, public_url

    def get(self) -> None:
        """Answer with the page; whoever may not see it is sent to sign in."""
        arguments = {name: self.get_query_argument(name)[:LONGEST_ARGUMENT] for name in self.request.query_arguments}
        person = person_of(self.request)
        if person is None or not frame.may_see(person, self._page):
            self.redirect(login_address(self.request))
            return
        language = language_of(arguments.get("lang"))
        snapshot = {topic.value: self._views.topic(topic) for topic in BROUGHT}
        brought = self._page.brings(Request(language, arguments, person.role, self._public_url, snapshot))
        boot = {"snapshot": snapshot} | brought.pop("boot", {})
        variables = frame.variables(self._page, PAGES, language, person, arguments, boot) | brought
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.set_header("Cache-Control", "no-store")  # holds counts, and what the role may see
        self.finish(frame.template_of(self._page.name).render(variables))
