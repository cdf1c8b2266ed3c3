"""The words of alerts, in German and English."""

from datetime import datetime
from typing import Any

from proto.taxonomy import entry

TEXTS = {
    "de": {
        "first_sighting": "Zum ersten Mal gesehen: {name}",
        "rare_class": "Selten: {name} (insgesamt {number}-mal gesehen)",
        "record_day": "Rekordtag: {number} Insekten, bisher höchstens {before} an einem Tag",
        "silent_camera": "Kamera {camera} meldet sich seit {since} UTC nicht mehr",
        "dead_letter": "{number} Aufträge konnten nicht bearbeitet werden (krabbel dead list)",
        "test": "Probe: So melden sich Krabbels Hinweise",
    },
    "en": {
        "first_sighting": "Seen for the first time: {name}",
        "rare_class": "Rare: {name} (seen {number} times in all)",
        "record_day": "Record day: {number} insects, at most {before} on any day before",
        "silent_camera": "Camera {camera} has been silent since {since} UTC",
        "dead_letter": "{number} jobs could not be done (krabbel dead list)",
        "test": "Test: this is how Krabbel's alerts arrive",
    },
}


def sentence(alert: dict[str, Any], language: str) -> str:
    """Return an alert's words; ``alert``: its fields, as stored. Class names come from the model, so they are shown as
    text and never as markup."""
    known = entry(alert["label"]) if alert.get("label") else None
    since = alert.get("since")
    return TEXTS[language][alert["kind"]].format(
        name="" if known is None else (known.name_de if language == "de" else known.name_en),
        number=alert.get("number"),
        before=alert.get("before"),
        camera=alert.get("camera_id"),
        since=since.strftime("%Y-%m-%d %H:%M") if isinstance(since, datetime) else since,
    )
