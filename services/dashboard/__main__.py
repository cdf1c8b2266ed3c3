"""``python -m services.dashboard``: run until SIGTERM or SIGINT."""

import asyncio
import signal

from services.chassis.logging import configure_logging
from services.dashboard.app import create_app
from services.dashboard.settings import DashboardSettings


async def serve(settings: DashboardSettings) -> None:
    """Serve until a signal comes."""
    over = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, over.set)
    dashboard = create_app(settings)
    dashboard.start()
    await over.wait()
    await dashboard.stop()


def main() -> None:
    """Start."""
    settings = DashboardSettings()
    configure_logging("dashboard", settings)
    asyncio.run(serve(settings))


if __name__ == "__main__":
    main()
