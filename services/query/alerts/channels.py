"""The ways to people: webhooks and e-mail. Only addresses in the settings are asked, and no redirect is followed."""

import asyncio
import hashlib
import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

import aiohttp

from services.query.alerts.settings import AlertSettings

TIMEOUT_S = 10.0


class NotSent(Exception):
    """A channel did not take a message; it is tried again later."""


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent: one or several alerts together. ``key`` is the same when it is sent again."""

    key: str
    lines: tuple[str, ...]
    link: str
    alerts: tuple[dict[str, Any], ...] = ()

    @property
    def text(self) -> str:
        """All of it, as plain text."""
        return "\n".join((*self.lines, self.link))


class Channel(Protocol):
    """A way to people."""

    name: str
    """Shown to operators; holds no secret"""

    async def send(self, message: Message) -> None:
        """Send, or raise :class:`NotSent`."""


class Webhook:
    """A chat's incoming webhook, or a program's."""

    def __init__(self, address: str) -> None:
        form, plus, url = address.partition("+")
        self._form, self._url = (form, url) if plus and form in ("slack", "teams", "json") else ("slack", address)
        parts = urlsplit(self._url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("a webhook is https://…, with teams+ or json+ before it where it is none of Slack's kind")
        # The path of a webhook is a secret: the name shows the host and a fingerprint.
        self.name = f"{self._form} {parts.hostname} {hashlib.sha256(self._url.encode()).hexdigest()[:6]}"

    async def send(self, message: Message) -> None:
        """Post it."""
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        headers = {"Idempotency-Key": message.key}
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.post(
                    self._url, json=body(self._form, message), headers=headers, allow_redirects=False
                ) as answer,
            ):
                if answer.status >= 300:
                    raise NotSent(f"answered {answer.status}")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise NotSent(type(error).__name__) from error


def body(form: str, message: Message) -> dict[str, Any]:
    """Return the JSON of a form: Slack's is also Mattermost's, Teams wants an adaptive card."""
    if form == "teams":
        blocks = [{"type": "TextBlock", "text": line, "wrap": True} for line in message.lines]
        card = {
            "type": "AdaptiveCard",
            "version": "1.4",
            "body": blocks,
            "actions": [{"type": "Action.OpenUrl", "title": "Krabbel", "url": message.link}],
        }
        return {
            "type": "message",
            "attachments": [{"contentType": "application/vnd.microsoft.card.adaptive", "content": card}],
        }
    if form == "json":
        return {"key": message.key, "text": message.text, "link": message.link, "alerts": list(message.alerts)}
    escaped = message.text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return {"text": escaped}


class Email:
    """Mail through an SMTP server."""

    def __init__(self, url: str, sender: str, to: list[str]) -> None:
        self._server, self._sender, self._to = urlsplit(url), sender, to
        if self._server.scheme not in ("smtp", "smtps") or not self._server.hostname:
            raise ValueError("KRABBEL_ALERT_SMTP_URL is smtp://host:port or smtps://…")
        self.name = f"e-mail to {', '.join(to)}"

    async def send(self, message: Message) -> None:
        """Send in a thread."""
        try:
            await asyncio.to_thread(self._send, message)
        except (smtplib.SMTPException, OSError) as error:
            raise NotSent(type(error).__name__) from error

    def _send(self, message: Message) -> None:
        mail = EmailMessage()
        mail["Subject"] = "Krabbel: " + message.lines[0].replace("\n", " ")[:150]
        mail["From"], mail["To"] = self._sender, ", ".join(self._to)
        mail["Message-ID"] = f"<{message.key}@krabbel>"  # the same when sent again: readers show it once
        mail.set_content(message.text)
        host, port = self._server.hostname or "", self._server.port
        secure = self._server.scheme == "smtps"
        context = ssl.create_default_context()
        with (
            smtplib.SMTP_SSL(host, port or 465, timeout=TIMEOUT_S, context=context)
            if secure
            else smtplib.SMTP(host, port or 587, timeout=TIMEOUT_S)
        ) as server:
            if self._server.username:
                if not secure:
                    server.starttls(context=context)  # a password never goes in clear
                server.login(unquote(self._server.username), unquote(self._server.password or ""))
            server.send_message(mail)


def channels(settings: AlertSettings) -> list[Channel]:
    """Return the configured ways.

    Raises:
        ValueError: an address is none.
    """
    found: list[Channel] = [Webhook(address) for address in settings.alert_webhooks.get_secret_value().split()]
    to = settings.alert_email_to.replace(",", " ").split()
    if to:
        found.append(Email(settings.alert_smtp_url.get_secret_value(), settings.alert_email_from, to))
    return found
