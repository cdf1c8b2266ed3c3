"""The page "stories": leads found in the data, as sentences to copy, each with its evidence."""

from services.dashboard.pages.page import Page

PAGE = Page("stories", "/stories", styles=("stories",))
