"""What operators may send, and what is told of a key."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from proto.administration import CameraChange, NewCamera, NewKey, key_info
from proto.camera import ApiKey, Scope
from proto.system import GatewayStatus
from services.chassis.cameras import camera_of, hash_key
from services.chassis.workers import WorkerStatus
from services.classifier.pace import Pace
from services.query.system import disks, system_state

NOW = datetime(2026, 7, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("shape", "fields", "named"),
    [
        (NewKey, {"name": "", "scopes": ["read"]}, "name"),
        (NewKey, {"name": "x", "scopes": []}, "scopes"),
        (NewKey, {"name": "x", "scopes": ["root"]}, "scopes"),
        (NewKey, {"name": "x", "scopes": ["admin"], "camera_id": "garden"}, "one camera"),
        (NewKey, {"name": "x", "scopes": ["read"], "camera": "garden"}, "camera"),
        (NewCamera, {"name": "x", "timezone": "Mars/Base"}, "Mars/Base"),
        (NewCamera, {"name": "x", "latitude": 52.0}, "longitude"),
        (NewCamera, {"name": "x", "latitude": 91, "longitude": 0}, "latitude"),
        (NewCamera, {"name": "x", "camera_id": "Not A Slug"}, "camera_id"),
        (CameraChange, {"latitude": None, "longitude": 3}, "longitude"),
        (CameraChange, {"name": None}, "name"),
        (CameraChange, {"created_at": "2026-01-01T00:00:00Z"}, "created_at"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(shape, fields, named):
    with pytest.raises(ValidationError, match=named):
        shape.model_validate(fields)


def test_a_camera_gets_its_id_and_credit_from_its_name():
    camera = camera_of(NewCamera.model_validate({"name": "Grüner Garten", "time_zone": "Europe/Vienna"}))
    assert (camera.camera_id, camera.credit, camera.timezone) == ("gruener-garten", "Grüner Garten", "Europe/Vienna")
    assert camera_of(NewCamera.model_validate({"name": "x", "id": "roof-1"})).camera_id == "roof-1"


def test_only_what_is_named_changes():
    change = CameraChange.model_validate({"latitude": None, "longitude": None})
    assert change.model_dump(exclude_unset=True) == {"latitude": None, "longitude": None}


def test_what_is_told_of_a_key_cannot_open_anything():
    stored = ApiKey(key_hash=hash_key("secret"), label="Trap", scopes=frozenset({Scope.UPLOAD}), created_at=NOW)
    shown = key_info(stored)
    assert shown.id == hash_key("secret")[:12]
    assert stored.key_hash not in shown.model_dump_json()


def test_a_workers_pace_is_that_of_the_last_minute():
    pace = Pace(0.0)
    assert pace.note(5.0, 50) == 10.0
    for second in range(10, 125, 5):
        pace.note(float(second), 50)
    assert pace.note(125.0, 110) == 1.0


def a_worker(**changes) -> WorkerStatus:
    fields = {"worker_id": "w", "host": "h", "pid": 1, "model_id": "m@1", "model_sha256": "0" * 64, "demo": True}
    fields |= {"model_format": "onnx", "classes": ("bee",), "image_size": 64, "runtime": "onnx", "device": "cpu"}
    return WorkerStatus.model_validate(fields | {"threads": 1, "started_at": NOW, "seen_at": NOW} | changes)


def test_the_system_adds_up_workers_and_spools():
    gateway = {"host": "h", "started_at": NOW, "seen_at": NOW, "disk_free_bytes": 5, "disk_total_bytes": 9}
    gateways = [
        GatewayStatus(gateway_id="a", runs=2, bytes=10, limit_bytes=100, oldest_s=3.5, **gateway),
        GatewayStatus(gateway_id="b", runs=1, bytes=5, limit_bytes=100, oldest_s=9.0, **gateway),
    ]
    workers = [a_worker(images_per_s=10.25, in_hand={"x": 2, "y": 1}), a_worker(images_per_s=1.5)]
    state = system_state(None, workers, gateways)
    assert (state.images_per_s, [worker.in_hand for worker in state.workers]) == (11.75, [3, 0])
    spool = state.spool
    assert (spool.runs, spool.bytes, spool.limit_bytes, spool.oldest_s) == (3, 15, 200, 9.0)
    assert [disk.of for disk in disks(1, 2, gateways)] == ["database", "spool h", "spool h"]
