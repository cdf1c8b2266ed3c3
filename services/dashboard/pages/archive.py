"""The page "archive": every run by filters, and one run in full. Its scripts ask for what they show."""

from services.dashboard.pages.page import Page

PAGE = Page("archive", "/archive", styles=("carpet", "archive", "run"))
