"""All pages, in the order of the navigation. A page that stands here is served, and appears there."""

from services.dashboard.pages import account, admin, archive, day, login, now, season, stories, verify
from services.dashboard.pages.page import Page

PAGES: tuple[Page, ...] = (
    now.PAGE,
    day.PAGE,
    season.PAGE,
    stories.PAGE,
    archive.PAGE,
    verify.PAGE,
    admin.PAGE,
    login.PAGE,
    account.PAGE,
)
