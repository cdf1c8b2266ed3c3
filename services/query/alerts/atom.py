"""The alerts as an Atom feed (RFC 4287)."""

from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree as Xml

from services.query.alerts.texts import sentence

NAMESPACE = "http://www.w3.org/2005/Atom"


def feed(alerts: list[dict[str, Any]], public_url: str, language: str) -> bytes:
    """Return the feed's bytes; alerts newest first."""
    Xml.register_namespace("", NAMESPACE)
    root = Xml.Element(f"{{{NAMESPACE}}}feed", {"{http://www.w3.org/XML/1998/namespace}lang": language})

    def add(parent: Xml.Element, name: str, text: str = "", **attributes: str) -> Xml.Element:
        element = Xml.SubElement(parent, f"{{{NAMESPACE}}}{name}", attributes)
        element.text = text or None
        return element

    address = f"{public_url}/api/v1/alerts.atom"
    add(root, "id", address)
    add(root, "title", "Krabbel")
    add(root, "link", rel="self", href=address)
    add(root, "updated", _stamp(alerts[0]["at"] if alerts else datetime(2026, 1, 1, tzinfo=UTC)))
    add(add(root, "author"), "name", "Krabbel")
    for alert in alerts:
        item = add(root, "entry")
        add(item, "id", f"{address}#{alert['_id']}")
        add(item, "title", sentence(alert, language))
        add(item, "updated", _stamp(alert["at"]))
        add(item, "link", rel="alternate", href=f"{public_url}/")
        add(item, "category", term=alert["kind"])
        add(item, "content", sentence(alert, language), type="text")
    written: bytes = Xml.tostring(root, encoding="utf-8", xml_declaration=True)
    return written


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
