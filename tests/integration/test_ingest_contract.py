"""What /openapi.json promises of uploads holds, for generated requests that are right and wrong."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from services.query.openapi import merged, parts
from tests.stack_fixture import RunningStack
from tests.support.ingest_process import IngestProcess

pytestmark = [pytest.mark.stack, pytest.mark.slow]
PATHS = ("/classify/{tracking_id}", "/api/v1/runs", "/api/v1/cameras/{camera_id}/heartbeat", "/api/v1/verifications")
EXAMPLES = 60
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture(scope="module")
def ingest(backends: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[IngestProcess]:
    process = IngestProcess(backends.env, Path(tmp_path_factory.mktemp("contract")))
    process.start(failed_keys_per_minute=10_000, upload_idle_seconds=2, answer_wait_seconds=0)
    yield process
    process.kill()


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_is_one_that_was_promised(ingest: IngestProcess, path: str) -> None:
    found = schemathesis.openapi.from_dict(merged(parts().values(), "test"))
    found.config.update(base_url=ingest.url)

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(case=found[path]["POST"].as_strategy())
    def promised(case: Any) -> None:
        case.call_and_validate(headers={"Authorization": f"Bearer {ingest.key}"}, checks=CHECKS)

    promised()


def test_nothing_is_left_of_generated_uploads(ingest: IngestProcess) -> None:
    assert not list((ingest.spool / "incoming").iterdir())
