"""All pages, in the order of the navigation. A page that stands here is served, and appears there."""

from services.dashboard.pages import archive, day, now, season, stories, verify
from services.dashboard.pages.page import Page

PAGES: tuple[Page, ...] = (now.PAGE, day.PAGE, season.PAGE, stories.PAGE, archive.PAGE, verify.PAGE)


def page_named(name: str) -> Page | None:
    """Return a page, or None while nobody has built it."""
    return next((page for page in PAGES if page.name == name), None)
