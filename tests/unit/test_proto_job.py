"""Reading jobs: what fits is read, what does not is refused with a reason, so that it can be parked."""

from datetime import UTC, datetime

import pytest

from proto.errors import MessageRefused
from proto.job import JOB_TYPE, JOB_VERSION, VERSION_HEADER, ClassifyJob, JobImage, decode_job

JOB = ClassifyJob(
    run_id="0" * 32,
    camera_id="garden",
    images=(JobImage(sha256="a" * 64, object_key="runs/x/a.jpg"),),
    published_at=datetime(2026, 7, 1, tzinfo=UTC),
)
HEADERS = {VERSION_HEADER: JOB_VERSION}


def test_a_job_survives_the_wire():
    assert decode_job(JOB.model_dump_json().encode(), JOB_TYPE, HEADERS) == JOB


def test_unknown_fields_of_a_newer_writer_are_ignored():
    body = JOB.model_dump_json().replace("{", '{"novelty": true, ', 1).encode()
    assert decode_job(body, JOB_TYPE, HEADERS) == JOB


@pytest.mark.parametrize(
    ("body", "message_type", "headers", "says"),
    [
        (b"{}", JOB_TYPE, {VERSION_HEADER: JOB_VERSION + 1}, "version 2"),
        (b"{}", JOB_TYPE, {}, "version None"),
        (b"{}", "somebody.elses", HEADERS, "somebody.elses"),
        (b"{}", None, HEADERS, "None"),
        (b"\xff\x00", JOB_TYPE, HEADERS, "no classify job"),
        (b"[]", JOB_TYPE, HEADERS, "no classify job"),
        (b'{"run_id": "../etc"}', JOB_TYPE, HEADERS, "run_id"),
    ],
)
def test_what_is_no_job_is_refused_with_the_reason(body, message_type, headers, says):
    with pytest.raises(MessageRefused, match=says):
        decode_job(body, message_type, headers)
