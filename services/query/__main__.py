"""Start the query service: ``python -m services.query``."""

from services.chassis.web import run
from services.query.app import create_app
from services.query.settings import QuerySettings


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    settings = QuerySettings()
    run("query", settings, lambda: create_app(settings))


if __name__ == "__main__":
    main()
