"""Licences: from SPDX names to the addresses and words that data packages and GBIF ask for."""

from typing import NamedTuple


class Licence(NamedTuple):
    """A licence."""

    name: str
    title: str
    url: str


_KNOWN = {
    licence.name: licence
    for licence in (
        Licence("CC0-1.0", "Creative Commons Zero 1.0", "https://creativecommons.org/publicdomain/zero/1.0/legalcode"),
        Licence(
            "CC-BY-4.0", "Creative Commons Attribution 4.0", "https://creativecommons.org/licenses/by/4.0/legalcode"
        ),
        Licence(
            "CC-BY-NC-4.0",
            "Creative Commons Attribution Non Commercial 4.0",
            "https://creativecommons.org/licenses/by-nc/4.0/legalcode",
        ),
        Licence(
            "CC-BY-SA-4.0",
            "Creative Commons Attribution Share Alike 4.0",
            "https://creativecommons.org/licenses/by-sa/4.0/legalcode",
        ),
        Licence(
            "CC-BY-ND-4.0",
            "Creative Commons Attribution No Derivatives 4.0",
            "https://creativecommons.org/licenses/by-nd/4.0/legalcode",
        ),
        Licence(
            "CC-BY-NC-SA-4.0",
            "Creative Commons Attribution Non Commercial Share Alike 4.0",
            "https://creativecommons.org/licenses/by-nc-sa/4.0/legalcode",
        ),
    )
}


def licence(spdx: str) -> Licence:
    """Return a licence by its SPDX name; one that is not known keeps its name and has no address."""
    return _KNOWN.get(spdx) or Licence(spdx, spdx, "")
