"""The page "login": a plain form, which works without scripts too. What it does: services/dashboard/signing_in.py."""

from services.dashboard.pages.page import Page

PAGE = Page("login", "/login", styles=("login",), in_navigation=False)
