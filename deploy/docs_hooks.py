"""Hooks of mkdocs: links to files of the repository, which are no pages of the site, become their names."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
_LINK = re.compile(r"\[([^\]]+)\]\(((?:\.\./)+[^)#]+)\)")


def without_outside_links(markdown: str, folder: Path) -> str:
    """Return the page with links that lead out of ``docs`` as text and path.

    Raises:
        FileNotFoundError: such a file is not in the repository.
    """

    def told(match: re.Match[str]) -> str:
        text, target = match.groups()
        path = (folder / target).resolve()
        if path.is_relative_to(ROOT / "docs"):
            return match.group()
        if not path.exists():
            raise FileNotFoundError(f"{folder}: [{text}]({target}) leads nowhere")
        name = str(path.relative_to(ROOT))
        return f"`{name}`" if text in name or name in text else f"{text} (`{name}`)"

    return _LINK.sub(told, markdown)


def on_page_markdown(markdown: str, page: object, **_: object) -> str:
    """Called by mkdocs for each page."""
    return without_outside_links(markdown, Path(str(page.file.abs_src_path)).parent)  # type: ignore[attr-defined]
