"""The component that carries messages between a session and its page."""

from collections.abc import Callable
from typing import Any

from panel.custom import JSComponent

from services.dashboard.assets import STATIC


class Wire(JSComponent):
    """Shows nothing. The page's DOM belongs to the browser; one small message per change goes through here."""

    _esm = (STATIC / "js" / "wire.js").read_text(encoding="utf-8")

    def send(self, message: dict[str, Any]) -> None:
        """Send a message to the page. The one place that knows Panel's private call for it."""
        self._send_msg(message)

    def listen(self, heard: Callable[[dict[str, Any]], None]) -> None:
        """Call ``heard`` with each message of the page that is an object."""
        self.on_msg(lambda event: heard(event.data) if isinstance(event.data, dict) else None)
