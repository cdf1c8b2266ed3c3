"""The page "account": who one is here, and another password. What it does: services/dashboard/account.py."""

from services.dashboard.pages.page import Page

PAGE = Page("account", "/account", styles=("login",), texts=("login",), in_navigation=False)
