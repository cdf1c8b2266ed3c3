"""The 27 classes of the trap's network: names, rank, icon and colour. ``taxonomy.csv`` is the only place for them.

Source: Insect Detect classification dataset v2, class description (doi:10.5281/zenodo.8325383). ``gbif_name`` is the
name that GBIF's backbone can match where the class is no taxon of its own. "Insect" means, as with the predecessor,
that the class is none of ``none_bg``, ``none_bird``, ``none_dirt``, ``none_shadow``.
"""

import csv
from functools import cache
from importlib import resources

from pydantic import Field

from proto.base import Contract


class TaxonomyEntry(Contract):
    """One class."""

    label: str
    is_insect: bool
    scientific_name: str = ""
    taxon_rank: str = ""
    gbif_name: str = ""
    gbif_rank: str = ""
    name_de: str
    name_en: str
    long_name_de: str = ""
    long_name_en: str = ""
    icon: str = "🐾"
    color: str = Field(default="#888888", pattern=r"^#[0-9A-Fa-f]{6}$", description="Its colour in every chart")

    def name(self, language: str) -> str:
        """Return the short name in ``language`` (``de`` or ``en``)."""
        return self.name_de if language == "de" else self.name_en


@cache
def taxonomy() -> dict[str, TaxonomyEntry]:
    """Return all classes by label, in the file's (alphabetical) order."""
    text = resources.files("proto").joinpath("taxonomy.csv").read_text(encoding="utf-8")
    return {row["label"]: TaxonomyEntry.model_validate(row) for row in csv.DictReader(text.splitlines())}


def entry(label: str) -> TaxonomyEntry:
    """Return the class; one that the taxonomy does not know (a model with other classes) is shown as it is."""
    known = taxonomy().get(label)
    return known or TaxonomyEntry(
        label=label, is_insect=not label.startswith("none_"), name_de=label, name_en=label, scientific_name=""
    )
