"""The list of decisions, from their titles."""

from pathlib import Path

FOLDER = Path(__file__).parents[2] / "docs" / "decisions"
HEAD = """# Decisions

Short pages: context, decision, consequences. A later one may replace an earlier one, and says so. This page is
generated: `python -m krabbel.reference`.

"""


def page() -> str:
    """Return the whole page.

    Raises:
        LookupError: two decisions have the same number.
    """
    titles = {
        file.name: file.read_text(encoding="utf-8").partition("\n")[0].lstrip("# ") for file in FOLDER.glob("0*.md")
    }
    numbers = [name[:4] for name in titles]
    if len(set(numbers)) != len(numbers):
        raise LookupError(f"two decisions have the same number: {sorted(titles)}")
    lines = (
        f"- [{title.partition(' ')[0]}]({name}) {title.partition(' ')[2]}" for name, title in sorted(titles.items())
    )
    return HEAD + "\n".join(lines) + "\n"
