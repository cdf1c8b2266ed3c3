"""Checks that ask the servers."""

import asyncio
from datetime import UTC, datetime, timedelta

from krabbel.doctor.finding import LEAST_BROKER, LEAST_DATABASE, Finding, Level, judge_skew, judge_version
from proto.errors import KrabbelError
from services.chassis.broker import RETRY_DELAYS_S
from services.chassis.cameras import Cameras
from services.chassis.database import Database, open_database
from services.chassis.inspection import broker_version, database_facts, object_store_skew_s, object_store_writes
from services.chassis.object_store import open_object_store
from services.chassis.queue_arguments import QueueArguments
from services.chassis.schema import Schema
from services.chassis.settings import BackendSettings
from services.chassis.workers import Workers

SILENT_AFTER = timedelta(hours=24)


async def database_findings(settings: BackendSettings) -> list[Finding]:
    """Check MongoDB and what it holds."""
    try:
        async with open_database(settings) as database:
            facts = await database_facts(database)
            findings = [judge_version("database", facts.version, LEAST_DATABASE)]
            if facts.replica_set is None:
                do = "Start mongod with --replSet NAME and call rs.initiate(): live updates and transactions need it."
                findings.append(Finding("replica set", Level.FAIL, "mongod is no member of a replica set", do))
            elif not facts.primary:
                do = "Wait for an election, or look at rs.status(): without a primary nothing can be written."
                findings.append(Finding("replica set", Level.FAIL, f"{facts.replica_set} has no primary", do))
            else:
                findings.append(Finding("replica set", Level.OK, f"{facts.replica_set}, primary"))
            if not facts.can_write:
                do = "Give the user the role readWrite on the database."
                findings.append(Finding("database permissions", Level.FAIL, "writing is refused", do))
            findings.append(judge_skew("database clock", facts.skew_s))
            return findings + await _contents(database)
    except KrabbelError as error:
        return [Finding("database", Level.FAIL, error.detail, "Check that mongod runs, and KRABBEL_MONGO_URL.")]


async def _contents(database: Database) -> list[Finding]:
    findings = []
    try:
        note = await Schema(database).note()
        level, do = (Level.WARN, "krabbel upgrade") if note else (Level.OK, "")
        findings.append(Finding("database version", level, note or "as this program needs it", do))
    except KrabbelError as error:
        findings.append(Finding("database version", Level.FAIL, error.detail, "Install the newer Krabbel."))
    workers = await Workers(database).alive()
    if workers:
        findings.append(Finding("workers", Level.OK, ", ".join(sorted({worker.model_id for worker in workers}))))
    else:
        findings.append(Finding("workers", Level.WARN, "no worker is alive", "Start one: nothing is classified."))
    before = datetime.now(UTC) - SILENT_AFTER
    for camera in await Cameras(database).all():
        if camera.last_seen_at is not None and camera.last_seen_at < before:
            found = f"silent since {camera.last_seen_at:%Y-%m-%d %H:%M} UTC"
            findings.append(Finding(f"camera {camera.camera_id}", Level.WARN, found, "Look at its power and network."))
    return findings


async def broker_findings(settings: BackendSettings) -> list[Finding]:
    """Check RabbitMQ and the queues' arguments."""
    try:
        findings = [judge_version("broker", await broker_version(settings), LEAST_BROKER)]
        differing = await QueueArguments(settings, RETRY_DELAYS_S).differing()
    except KrabbelError as error:
        return [Finding("broker", Level.FAIL, error.detail, "Check that RabbitMQ runs, and KRABBEL_AMQP_URL.")]
    for name, said in differing.items():
        do = "Stop the workers, then: krabbel upgrade. Its messages are kept."
        findings.append(Finding(f"queue {name}", Level.FAIL, f"declared otherwise: {said}", do))
    return findings if differing else [*findings, Finding("queues", Level.OK, "as this program declares them")]


async def object_store_findings(settings: BackendSettings) -> list[Finding]:
    """Check the object store by writing to it."""
    check = "object store"
    try:
        async with open_object_store(settings, timeout_s=8) as store:
            same = await object_store_writes(store)
    except (KrabbelError, TimeoutError) as error:
        do = "Check that it runs, the KRABBEL_S3_* settings, and that the key may write to the bucket."
        return [Finding(check, Level.FAIL, str(error) or "it does not answer", do)]
    if not same:
        return [Finding(check, Level.FAIL, "what was written did not come back", "Do not use this store.")]
    findings = [Finding(check, Level.OK, f"bucket {settings.s3_bucket}: written, read, removed")]
    skew_s = await asyncio.to_thread(object_store_skew_s, settings)
    return findings if skew_s is None else [*findings, judge_skew("object store clock", skew_s)]
