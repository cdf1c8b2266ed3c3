"""What a class means outside Krabbel: a kind of observation and a name that GBIF's backbone can match.

Kinds are those of Camtrap DP 1.0.2 (``observationType``). What is unsure is *unknown*, whatever its label, which stays
in the tags; else empty pictures (``none_bg``, ``none_dirt``, ``none_shadow``) are *blank*, and a bird on the platform
is an animal. A class that the taxonomy does not know (of another model) is an animal with no name but its kingdom.
"""

from functools import cache
from typing import Literal, NamedTuple

from proto.classification import Certainty
from proto.run import TrackingRun
from proto.taxonomy import entry

KINGDOM = "Animalia"
UNSURE_BELOW = 0.5
"""An image's class below this probability is unsure, as a run's is (services/classifier/aggregate.py)."""


class Observed(NamedTuple):
    """A kind of observation, and of an animal the name and rank."""

    kind: Literal["animal", "blank", "unknown", "unclassified"]
    name: str = ""
    rank: str = ""


UNCLASSIFIED = Observed("unclassified")


@cache
def observed(label: str, *, unsure: bool) -> Observed:
    """Return what a class is, when it was said surely or not."""
    known = entry(label)
    if unsure:
        return Observed("unknown")
    if not known.gbif_name and label.startswith("none_"):
        return Observed("blank")
    if not known.gbif_name:
        return Observed("animal", KINGDOM, "kingdom")
    return Observed("animal", known.gbif_name, known.gbif_rank)


def observed_run(run: TrackingRun) -> Observed:
    """Return what a run is; a person's word is sure."""
    if run.label is None:
        return UNCLASSIFIED
    return observed(run.label, unsure=is_unsure(run))


def is_unsure(run: TrackingRun) -> bool:
    """Say whether only the machine has spoken, and not surely."""
    return run.verification is None and run.result is not None and run.result.certainty is Certainty.UNCLEAR


def model_name(model_id: str) -> str:
    """Return "model version" of ``model@version``."""
    return model_id.replace("@", " ", 1)
