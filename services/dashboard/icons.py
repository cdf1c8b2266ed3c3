"""Which drawing of ``static/icons.svg`` shows which class. Drawn, because not every machine has emoji."""

SYMBOLS = {
    "ant": "ant",
    "bee": "bee",
    "bee_apis": "honeybee",
    "bee_bombus": "bumblebee",
    "beetle": "beetle",
    "beetle_cocci": "ladybird",
    "beetle_oedem": "slender-beetle",
    "bug": "bug",
    "bug_grapho": "striped-bug",
    "fly": "fly",
    "fly_empi": "fly",
    "fly_sarco": "fly",
    "fly_small": "small-fly",
    "hfly_episyr": "hoverfly",
    "hfly_eristal": "hoverfly",
    "hfly_eupeo": "hoverfly",
    "hfly_myathr": "hoverfly",
    "hfly_sphaero": "hoverfly",
    "hfly_syrphus": "hoverfly",
    "lepi": "butterfly",
    "none_bg": "background",
    "none_bird": "bird",
    "none_dirt": "leaf",
    "none_shadow": "shadow",
    "other": "spider",
    "scorpionfly": "scorpionfly",
    "wasp": "wasp",
}
UNKNOWN = "spider"


def symbol_of(label: str) -> str:
    """Return the drawing's name for a class, also for one that we never heard of."""
    return SYMBOLS.get(label, UNKNOWN)
