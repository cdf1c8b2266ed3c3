"""What no file of the repository may hold."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MARKER = re.compile(r"^(<{7} |>{7} |\|{7} )", re.MULTILINE)


def test_no_conflict_was_left_unresolved() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    files = [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]
    assert len(files) > 500
    assert [str(file) for file in files if MARKER.search(file.read_text(encoding="utf-8", errors="replace"))] == []
