"""Documents of ours become the same contracts as by validation, without its cost."""

import warnings
from datetime import UTC, datetime

import bson
import pytest
from bson.codec_options import CodecOptions

from proto.classification import Classification
from proto.run import BoundingBox, ClockFlag, RunStatus, TrackingRun, TrapMetadata
from services.chassis.completion import plain
from services.chassis.runs import from_document, to_document
from services.chassis.trusted import trusted
from tests.support.seeds import a_run, a_verdict

RUN = a_run(1, images=3, clock_flags=(ClockFlag.AMBIGUOUS,))
BOX = BoundingBox(x_min=0.1, y_min=0.2, x_max=0.3, y_max=0.4)
BOXED = RUN.images[0].model_copy(update={"bounding_box": BOX, "detection_confidence": 0.5, "taken_at": None})
CASES = [
    RUN,
    RUN.model_copy(update={"status": RunStatus.FAILED, "status_reason": "no readable image"}),
    RUN.model_copy(
        update={"result": a_verdict(RUN).result, "status": RunStatus.CLASSIFIED, "classified_at": RUN.sort_at}
    ),
    RUN.model_copy(update={"images": (BOXED,), "trap": TrapMetadata(device_id="pi-1", lens_position=120)}),
]


def from_database(document: dict[str, object]) -> dict[str, object]:
    """Return a document as it comes back: lists for tuples, the driver's own time zone."""
    return bson.decode(bson.encode(document), CodecOptions(tz_aware=True))


@pytest.mark.parametrize("run", CASES)
def test_a_run_from_the_database_is_what_validation_makes_of_it(run: TrackingRun) -> None:
    document = from_database(to_document(run))
    validated = TrackingRun.model_validate({**document, "run_id": document["_id"]})
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # pydantic warns where a field's type is not what the contract says
        found = from_document(document)
        assert found == validated == run
        assert found.model_dump_json() == validated.model_dump_json()
        assert found.model_dump() == validated.model_dump()
        assert type(found.status) is RunStatus


def test_fields_that_an_older_document_lacks_get_their_default_and_unknown_ones_are_left_out() -> None:
    document = from_database(to_document(RUN)) | {"counted": {"label": "bee"}, "of_tomorrow": 1}
    del document["trap"], document["clock_flags"], document["images"][0]["detection_confidence"]  # type: ignore[index]
    found = from_document(document)
    assert found.trap is None
    assert found.clock_flags == ()
    assert found.images[0].detection_confidence is None
    assert not hasattr(found, "counted")
    assert "of_tomorrow" not in found.model_dump()


def test_a_changed_copy_leaves_the_original_alone() -> None:
    found = from_document(from_database(to_document(RUN)))
    changed = found.model_copy(update={"status_reason": "other"})
    assert (changed.status_reason, found.status_reason) == ("other", None)


def test_a_verdict_keeps_its_images_and_scores() -> None:
    verdict = a_verdict(RUN, at=datetime(2026, 7, 1, tzinfo=UTC))
    document = from_database(plain(verdict.model_dump()))
    assert trusted(Classification, document) == verdict
