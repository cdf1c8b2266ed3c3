"""The documentation builds as a site, its links lead somewhere, and it loads nothing from elsewhere."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.docs_hooks import without_outside_links

ROOT = Path(__file__).resolve().parents[2]
LOADED = re.compile(
    r"<(?:script|img|iframe|source)[^>]*\bsrc=\"(https?:)?//|<link[^>]*rel=\"(?:stylesheet|preload|icon|preconnect)\"[^>]*href=\"(https?:)?//|@import|url\(\s*[\"']?https?:"
)


def test_site_builds_with_every_link_leading_somewhere_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    pages = list((tmp_path / "site").rglob("*.html"))
    assert len(pages) > 20
    for page in pages:
        assert not LOADED.search(page.read_text(encoding="utf-8")), page


def test_links_to_files_beside_the_site_become_their_names() -> None:
    folder = ROOT / "docs" / "how-to"
    assert (
        without_outside_links("see [.env.example](../../deploy/.env.example).", folder) == "see `deploy/.env.example`."
    )
    assert without_outside_links("[why](../decisions/index.md)", folder) == "[why](../decisions/index.md)"
    with pytest.raises(FileNotFoundError, match="leads nowhere"):
        without_outside_links("[x](../../nothing.txt)", folder)


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_links_of_the_front_pages_lead_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", (ROOT / page).read_text()):
        assert (ROOT / target).exists(), target
