"""What handlers find in the application, by typed key."""

from aiohttp import web

from services.chassis.cameras import Cameras
from services.chassis.forwarded import Network
from services.ingest.gate import FailedKeys
from services.ingest.intake import Intake
from services.ingest.known_runs import KnownRuns
from services.ingest.registry import Registry
from services.ingest.settings import IngestSettings
from services.ingest.spool import Spool

SETTINGS = web.AppKey("settings", IngestSettings)
SPOOL = web.AppKey("spool", Spool)
REGISTRY = web.AppKey("registry", Registry)
INTAKE = web.AppKey("intake", Intake)
KNOWN_RUNS = web.AppKey("known_runs", KnownRuns)
CAMERAS = web.AppKey("cameras", Cameras)
FAILED_KEYS = web.AppKey("failed_keys", FailedKeys)
PROXIES: web.AppKey[tuple[Network, ...]] = web.AppKey("proxies", tuple)
