"""Where the package's own files are: nothing is ever fetched from elsewhere."""

from pathlib import Path

ROOM = Path(__file__).parent
STATIC = ROOM / "static"
TEMPLATES = ROOM / "templates"
ASSETS_PATH = "/assets"
"""Address of ``static/`` on the server."""
