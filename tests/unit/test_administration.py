"""What operators may send, and what is told of a key."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from proto.administration import CameraChange, NewCamera, NewKey, key_info
from proto.camera import ApiKey, Scope
from services.chassis.cameras import camera_of, hash_key

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
