"""One open page: a Bokeh document with a wire and a chart, and its place in the hub."""

from collections.abc import Callable
from datetime import date
from typing import Any

import panel as pn
from bokeh.document import Document
from panel.io.state import set_curdoc

from services.dashboard.components.hours import HoursChart
from services.dashboard.components.wire import Wire
from services.dashboard.doorkeeper import Doorkeeper
from services.dashboard.feed import Feed
from services.dashboard.figures import HOURS
from services.dashboard.hub import Subject, Subscription, Topic
from services.dashboard.pages import frame, now
from services.dashboard.pages.registry import PAGES
from services.dashboard.roles import Person, person_of
from services.dashboard.texts import catalogue, language_of
from services.dashboard.views import View, Views


class Session:
    """Made when the page is asked for; listens from the moment the page says it is ready; freed when it is closed."""

    def __init__(self, document: Document, feed: Feed, views: Views, language: str, person: Person) -> None:
        self._document = document
        self._person = person
        self._over = False
        self._unwatch: Callable[[], None] = lambda: None
        self._feed = feed
        self._views = views
        self._version = feed.hub.version
        self._told_day: date | None = None
        self._subscription = Subscription(self._wake)
        self._wire = Wire()  # type: ignore[no-untyped-call]
        self._wire.listen(self._heard)
        text = str(catalogue(language, now.PAGE.name)["hours.tooltip"])
        hours = range(HOURS)
        self._chart = HoursChart(self._insects(), [text.format_map({"from": h, "to": h + 1}) for h in hours])

    def attach(self, keeper: Doorkeeper) -> None:
        """Put the components into the document, and see to it that they go with it, or with who looks at them."""
        if self._person.signed_in:
            self._unwatch = keeper.watch(self._person.token, self._signed_out)
        self._wire.server_doc(doc=self._document, location=False)
        self._document.roots[-1].name = "wire"
        self._document.add_root(self._chart.plot)
        self._document.on_session_destroyed(self._destroyed)

    @property
    def day(self) -> date:
        """The day that the page shows: the one that is."""
        return self._feed.today

    def _insects(self) -> list[int]:
        figures = self._feed.state.figures.get(self.day)
        return figures.insects if figures else [0] * HOURS

    def _signed_out(self) -> None:
        """Whose page it is may not see it any more: it hears nothing new, and is loaded anew as whoever asks then."""
        self._over = True
        self._feed.hub.leave(self._subscription)
        self._document.add_next_tick_callback(self._say_so)

    def _say_so(self) -> None:
        with set_curdoc(self._document), pn.io.hold(self._document):
            self._wire.send({"signed_out": True})

    def _heard(self, message: dict[str, Any]) -> None:
        if self._over:
            return
        if "ready" in message:
            self._feed.hub.join(self._subscription)
            missed = self._version != self._feed.hub.version  # something happened while the page loaded
            self._subscription.offer([*Topic, self.day] if missed else [Topic.LINK], None)

    def _wake(self) -> None:
        self._document.add_next_tick_callback(self._flush)

    def _flush(self) -> None:
        if self._over:
            return
        subjects, cards = self._subscription.take()
        message: View = {
            subject.value: self._views.topic(subject) for subject in subjects if isinstance(subject, Topic)
        }
        if cards:
            message["cards"] = [self._views.card(run) for run in cards]
        with set_curdoc(self._document), pn.io.hold(self._document):
            if self._shows_new(subjects):
                message["day"] = self._views.day(self.day)
                self._chart.show(self._insects())
            if message:
                self._wire.send(message)

    def _shows_new(self, subjects: set[Subject]) -> bool:
        changed = self.day in subjects or self._told_day != self.day
        self._told_day = self.day
        return changed

    def _destroyed(self, _context: object) -> None:
        self._unwatch()
        self._feed.hub.leave(self._subscription)


def open_page(feed: Feed, views: Views, keeper: Doorkeeper, public_url: str) -> None:
    """Fill the document of a new session. Panel calls this for every page that is asked for.

    Raises:
        RuntimeError: it was not called by the server, or nobody looked at who asks.
    """
    document = pn.state.curdoc
    if document is None:
        raise RuntimeError("a page is opened by the server, within its document")
    person = person_of(document.session_context)
    if person is None:
        raise RuntimeError("nobody is let in without the doorkeeper")
    language = language_of(_argument("lang"))
    session = Session(document, feed, views, language, person)
    session.attach(keeper)
    document.title = str(catalogue(language)["page.title"])
    document.config.notify_connection_status = False  # connection.js says it in the page's words
    document.config.reconnect_session = False  # a page that lost its session is loaded anew
    document.template = frame.template_of(now.PAGE.name)
    snapshot = views.snapshot(session.day)
    document.template_variables.update(now.variables(PAGES, language, person, snapshot, public_url))


def _argument(name: str) -> str | None:
    values = pn.state.session_args.get(name) or [b""]
    return bytes(values[0]).decode("utf-8", "replace")[:40] or None
