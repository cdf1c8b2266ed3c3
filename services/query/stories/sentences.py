"""Leads in plain German and English. The words and forms are in ``language.json``; plain code."""

import json
from datetime import date
from functools import cache
from importlib import resources
from typing import Any

from services.query.stories.leads import Lead

LANGUAGES = ("de", "en")


@cache
def language_file() -> dict[str, Any]:
    """Return the words."""
    file = resources.files("services.query.stories").joinpath("language.json")
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def number(value: int, language: str) -> str:
    """Return a whole number with the language's thousands separator."""
    return f"{value:,}".replace(",", language_file()["thousands"][language])


def long_date(day: date, language: str, *, year: bool = True) -> str:
    """Return "3. Mai 2026" or "3 May 2026"."""
    month = language_file()["months"][language][day.month - 1]
    return f"{day.day}{'.' if language == 'de' else ''} {month}" + (f" {day.year}" if year else "")


def forms(label: str | None, language: str) -> dict[str, str]:
    """Return a class in the forms that sentences need; one that we have no words for is named by its label."""
    if label is None:
        return {}
    known = language_file()["classes"].get(label)
    if known:
        return dict(known[language])
    return {name: text.format(label=label) for name, text in language_file()["unknown"][language].items()}


def sentence(lead: Lead, language: str) -> str:
    """Return the lead as a sentence."""
    words = language_file()
    filled: dict[str, str] = forms(lead.label, language) | {
        "date": long_date(lead.day, language),
        "date_short": long_date(lead.day, language, year=False),
        "year": str(lead.day.year),
        "value": number(lead.value, language),
        "visits_insects": _counted(words["visits_insects"][language], lead.value, language),
    }
    details = lead.details
    if "before" in details:
        filled |= {
            "before": number(details["before"], language),
            "before_date": long_date(details["before_day"], language),
        }
    if "hour" in details:
        filled |= {"hour": str(details["hour"]), "next": str(details["hour"] + 1)}
    if "as_early" in details:
        total = number(details["total"], language)
        filled["rarity"] = _counted(words["rarity"][language], details["as_early"], language).replace("{total}", total)
    text: str = words["sentences"][lead.kind][language].format(**filled)
    return text[0].upper() + text[1:]


def _counted(texts: dict[str, str], count: int, language: str) -> str:
    form = "zero" if count == 0 and "zero" in texts else "one" if count == 1 else "other"
    return texts[form].replace("{count}", number(count, language))


def row_of(lead: Lead, cameras: tuple[str, ...]) -> dict[str, Any]:
    """Return a lead as it is answered."""
    return {
        "kind": lead.kind,
        "label": lead.label,
        "camera_id": ",".join(cameras) or None,
        "day": lead.day.isoformat(),
        "value": lead.value,
        "sentence_de": sentence(lead, "de"),
        "sentence_en": sentence(lead, "en"),
        "evidence": lead.evidence + (f"&camera={cameras[0]}" if len(cameras) == 1 else ""),
        "counts_visits": lead.kind not in ("newcomer", "first_of_season"),
    }
