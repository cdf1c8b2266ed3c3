"""Write the generated pages, or with ``--check`` name those that are stale."""

import argparse
import sys

from krabbel.reference import FOLDER, PAGES, stale


def main() -> int:
    """Return 0, or 1 for stale pages."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    if parser.parse_args().check:
        found = stale()
        for name in found:
            sys.stderr.write(f"docs/{name} is stale; run python -m krabbel.reference\n")
        return 1 if found else 0
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
