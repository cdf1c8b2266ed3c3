"""A message in the parking queue, read: what it asks for, where it was parked from, and why."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aio_pika.abc import AbstractIncomingMessage

from proto.errors import MessageRefused
from proto.job import VERSION_HEADER, ClassifyJob, decode_job
from services.chassis.topology import CLASSIFY, DELIVERY_LIMIT


@dataclass(frozen=True, slots=True)
class ParkedMessage:
    """One message in the parking queue."""

    parked_id: str
    """Eight hex digits made of the message"""
    queue: str
    """The work queue that it was parked from"""
    parked_at: datetime | None
    cause: str
    """In words: why the broker put it here"""
    message_id: str | None
    job: ClassifyJob | None
    """None where it cannot be read as a job"""
    body: bytes
    message_type: str | None
    headers: Mapping[str, Any]

    deliveries: int | None = None
    """How often workers got it, at least; None where that is not known"""

    @property
    def job_version(self) -> int | None:
        """The version of the job's form, if it says one."""
        version = self.headers.get(VERSION_HEADER)
        return version if isinstance(version, int) else None

    @property
    def run_id(self) -> str | None:
        """The run it is about, if it can be read."""
        return self.job.run_id if self.job else None


def parked_message(message: AbstractIncomingMessage) -> ParkedMessage:
    """Return what a message of the parking queue says."""
    headers = dict(message.headers)
    deaths: Any = headers.get("x-death")
    death = deaths[0] if isinstance(deaths, list) and deaths else {}
    reason, queue = str(death.get("reason", "")), str(death.get("queue", CLASSIFY))
    job: ClassifyJob | None = None
    try:
        job = decode_job(message.body, message.type, headers)
        cause = {
            "rejected": "a worker gave it up",
            "delivery_limit": "its workers were lost again and again",
            "expired": "it expired",
        }.get(reason, reason or "unknown")
    except MessageRefused as error:
        cause = error.detail
    moment = death.get("time")
    digest = hashlib.sha256(repr((message.message_id, message.body, str(moment))).encode()).hexdigest()
    tried = job.attempt + (DELIVERY_LIMIT + 1 if reason == "delivery_limit" else 1) if job else None
    return ParkedMessage(
        deliveries=tried,
        parked_id=digest[:8],
        queue=queue,
        parked_at=moment if isinstance(moment, datetime) else None,
        cause=cause,
        message_id=message.message_id,
        job=job,
        body=message.body,
        message_type=message.type,
        headers=headers,
    )
