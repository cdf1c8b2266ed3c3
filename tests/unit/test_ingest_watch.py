"""Each camera has its series, and only as long as there is the camera."""

from datetime import UTC, datetime, timedelta

from prometheus_client import REGISTRY

from proto.camera import Camera, Heartbeat
from services.ingest import watch
from services.ingest.watch import show_cameras

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


def camera(name: str, seen: datetime | None = NOON, heartbeat: Heartbeat | None = None) -> Camera:
    return Camera(
        camera_id=name, name=name, created_at=NOON, last_upload_at=seen, last_seen_at=seen, heartbeat=heartbeat
    )


def value(metric: str, camera_id: str) -> float | None:
    return REGISTRY.get_sample_value(f"krabbel_ingest_camera_{metric}", {"camera_id": camera_id})


def test_camera_that_is_gone_loses_its_series() -> None:
    show_cameras([camera("garden", heartbeat=Heartbeat(battery_percent=40)), camera("roof")])
    assert value("last_upload_timestamp_seconds", "garden") == NOON.timestamp()
    assert value("battery_ratio", "garden") == 0.4
    assert value("battery_ratio", "roof") is None

    show_cameras([camera("roof")])
    assert value("last_upload_timestamp_seconds", "garden") is None
    assert value("battery_ratio", "garden") is None
    assert value("last_seen_timestamp_seconds", "roof") == NOON.timestamp()


def test_series_are_bounded_and_those_heard_of_last_stay(monkeypatch) -> None:
    monkeypatch.setattr(watch, "MAX_CAMERAS", 2)
    show_cameras([camera("never", None), camera("long-ago", NOON - timedelta(days=9)), camera("a"), camera("b")])
    assert [value("last_seen_timestamp_seconds", name) for name in ("a", "b")] == [NOON.timestamp()] * 2
    assert value("last_seen_timestamp_seconds", "long-ago") is None
