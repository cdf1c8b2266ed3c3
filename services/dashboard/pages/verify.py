"""The page "verify": people confirm and correct what the model says."""

from services.dashboard.pages.page import Page
from services.dashboard.roles import Role

PAGE = Page("verify", "/verify", Role.EDITOR, styles=("carpet", "archive", "run", "verify"), texts=("archive",))
