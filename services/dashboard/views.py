"""What the browser is told: small, JSON-able, and free of language (labels, numbers, moments; the page has the words).

A view is made once per change and sent to all pages.
"""

from collections.abc import Callable
from datetime import date
from typing import Any

from krabbel.client import image_path
from proto.run import ImageReference, RunStatus, TrackingRun
from proto.taxonomy import entry
from services.dashboard.feed import TOP, Feed
from services.dashboard.hub import Topic
from services.dashboard.novelty import Novelty

View = dict[str, Any]


def best_image(run: TrackingRun) -> ImageReference:
    """Return the picture to show: the classifier's choice; before it chose, the one in the middle of the run."""
    if run.result is not None:
        for image in run.images:
            if image.sha256 == run.result.best_image:
                return image
    return run.images[len(run.images) // 2]


def card_view(run: TrackingRun, novelty: Novelty | None = None) -> View:
    """Return one visitor, and why it deserves a second look."""
    image = best_image(run)
    card: View = {
        "id": run.run_id,
        "state": "pending",
        "camera": run.camera_id,
        "arrived": run.received_at.isoformat(),
        "at": run.sort_at.isoformat(),
        "src": image_path(image.object_key),
        "frames": len(run.images),
    }
    if run.result is not None:
        card |= {
            "state": "named" if run.is_insect else "none",
            "label": run.label,
            "p": round(run.result.probability_weighted, 3),
            "certainty": run.result.certainty.value,
        }
        if novelty is not None:
            card["novelty"] = novelty.value
        if run.verification is not None:
            card["verified"] = run.verification.verdict.value
    elif run.status is RunStatus.FAILED:
        card["state"] = "failed"
    return card


class Views:
    """Views of the feed's state, each made once per version of the hub."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._kept: dict[object, tuple[int, View]] = {}

    def _once(self, key: object, make: Callable[[], View]) -> View:
        version = self._feed.hub.version
        kept = self._kept.get(key)
        if kept is None or kept[0] != version:
            if len(self._kept) > 200:
                self._kept.clear()
            kept = self._kept[key] = (version, make())
        return kept[1]

    def card(self, run: TrackingRun) -> View:
        """Return one visitor."""
        return self._once(run.run_id, lambda: card_view(run, self._feed.state.remarkable.get(run.run_id)))

    def day(self, day: date) -> View:
        """Return the counts of a day, and pictures of its most frequent insects; ``loaded`` says if they are known."""
        return self._once(day, lambda: self._day(day))

    def topic(self, topic: Topic) -> View:
        """Return what a topic says now."""
        makers = {
            Topic.TOTALS: self._totals,
            Topic.CAMERAS: self._cameras,
            Topic.SYSTEM: self._system,
            Topic.LINK: lambda: {"link": self._feed.link.value},
            Topic.GALLERY: lambda: {"cards": [self.card(run) for run in self._feed.state.gallery()]},
        }
        return self._once(topic, makers[topic])

    def snapshot(self, day: date) -> View:
        """Return everything that a page with this day shows."""
        return {topic.value: self.topic(topic) for topic in Topic} | {"day": self.day(day)}

    def _day(self, day: date) -> View:
        state = self._feed.state
        figures = state.figures.get(day)
        if figures is None:
            return {"day": day.isoformat(), "loaded": False}
        faces = {}
        for label in [label for label, _ in figures.ranking() if entry(label).is_insect][:TOP]:
            run = state.portrait(day, label)
            faces[label] = image_path(best_image(run).object_key) if run else None
        return figures.view() | {"loaded": True, "faces": faces}

    def _totals(self) -> View:
        state, today = self._feed.state, self._feed.today
        runs, insects = state.totals()
        counted = state.days.get(today)
        days = sorted({*state.days, today}, reverse=True)
        return {
            "runs": runs,
            "insects": insects,
            "today": today.isoformat(),
            "zone": state.zone().key,
            "today_insects": counted.insects if counted else 0,
            "days": [[day.isoformat(), state.days[day].insects if day in state.days else 0] for day in days],
        }

    def _cameras(self) -> View:
        cameras = sorted(self._feed.state.cameras.values(), key=lambda camera: camera.name.casefold())
        return {
            "cameras": [
                {
                    "id": camera.camera_id,
                    "name": camera.name,
                    "place": camera.place,
                    "zone": camera.timezone,
                    "last": camera.last_upload_at.isoformat() if camera.last_upload_at else None,
                    "seen": camera.last_seen_at.isoformat() if camera.last_seen_at else None,
                    "battery": camera.heartbeat.battery_percent if camera.heartbeat else None,
                    "credit": camera.credit,
                    "licence": camera.licence,
                }
                for camera in cameras
            ]
        }

    def _system(self) -> View:
        system = self._feed.state.system
        waiting = sum(system.runs_by_status.get(status.value, 0) for status in (RunStatus.RECEIVED, RunStatus.QUEUED))
        return {
            "waiting": waiting,
            "workers": len(system.workers),
            "model": system.model.model_id if system.model else None,
            "demo": bool(system.model and system.model.demo),
        }
