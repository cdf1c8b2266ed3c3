"""``python -m services.ingest``: run the service with the settings of the environment."""

from services.chassis.web import run
from services.ingest.app import create_app
from services.ingest.memory import limit_malloc
from services.ingest.settings import IngestSettings


def main() -> None:
    """Start and serve until SIGTERM."""
    limit_malloc()
    settings = IngestSettings()
    run("ingest", settings, lambda: create_app(settings))


if __name__ == "__main__":
    main()
