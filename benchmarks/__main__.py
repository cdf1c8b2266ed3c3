"""``make bench``: every benchmark, one after the other; each prints its own table. Give names to run only those."""

import importlib
import sys
from pathlib import Path

FOLDER = Path(__file__).parent


def main() -> int:
    """Run each benchmark with its defaults."""
    every = sorted(path.stem for path in FOLDER.glob("[a-z]*.py"))
    wanted = sys.argv[1:] or every
    unknown = set(wanted) - set(every)
    if unknown:
        print(f"no such benchmark: {', '.join(sorted(unknown))}; there are {', '.join(every)}", file=sys.stderr)
        return 2
    for name in wanted:
        print(f"\n== benchmarks/{name}.py", flush=True)
        sys.argv = [name]
        importlib.import_module(f"benchmarks.{name}").main()
    return 0


if __name__ == "__main__":
    sys.exit(main())
