"""The `krabbel` commands in README and docs, as they stand in code blocks."""

import re
import shlex
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GENERATED = {"commands.md", "settings.md", "interface.md", "messages.md", "metrics.md"}


def pages() -> list[Path]:
    """Return the pages that people wrote."""
    docs = [page for page in (ROOT / "docs").rglob("*.md") if page.name not in GENERATED]
    return sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *docs])


def code_lines(text: str) -> list[str]:
    """Return the lines of fenced and of indented code blocks; a line that ends in a backslash goes on in the next."""
    lines, fenced = [], False
    for line in text.replace("\\\n", " ").splitlines():
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif fenced or line.startswith("    "):
            lines.append(line.strip())
    return lines


def commands() -> dict[str, str]:
    """Return each command, without its comment, and the page where it stands first."""
    found: dict[str, str] = {}
    for page in pages():
        for line in code_lines(page.read_text(encoding="utf-8")):
            match = re.match(r"(?:\$ )?(?:[\w.]*/)*(krabbel (?!is )[a-z].*)", line)
            if match:
                command = re.split(r"\s+#|\s+[|>&;]", match[1])[0].strip()
                found.setdefault(command, str(page.relative_to(ROOT)))
    return found


def words(command: str) -> list[str]:
    """Return a command's words after `krabbel`."""
    return shlex.split(command)[1:]
