"""``python -m krabbel`` is ``krabbel``."""

from krabbel.cli import main

main()
