"""Which camera a found run belongs to."""

from collections.abc import Sequence

from krabbel.importer.found import Candidate
from proto.camera import Camera
from proto.errors import CameraNotFound
from services.chassis.cameras import slug


class CameraChoice:
    """Decides once, with a message that says what to do.

    In this order: the camera that was named; the trap's own name where a camera has it; the camera of the predecessor's
    key (KRABBEL_CAMERA_NAME); the only camera there is.
    """

    def __init__(self, cameras: Sequence[Camera], named: str | None, predecessor: str | None) -> None:
        """Raises CameraNotFound where the named camera is none."""
        self._cameras = {camera.camera_id: camera for camera in cameras}
        self._named = self._get(named) if named is not None else None
        old = self._cameras.get(slug(predecessor)) if predecessor else None
        self._default = old or (cameras[0] if len(cameras) == 1 else None)

    def of(self, candidate: Candidate) -> Camera:
        """Return the camera of a run.

        Raises:
            CameraNotFound: nothing tells it.
        """
        if self._named is not None:
            return self._named
        if candidate.device and slug(candidate.device) in self._cameras:
            return self._cameras[slug(candidate.device)]
        if self._default is not None:
            return self._default
        known = ", ".join(sorted(self._cameras)) or "none yet; `krabbel camera add NAME` makes one"
        raise CameraNotFound(f"Name the camera with --camera. There are: {known}.")

    def _get(self, camera_id: str) -> Camera:
        if camera_id not in self._cameras:
            known = ", ".join(sorted(self._cameras)) or "none yet; `krabbel camera add NAME` makes one"
            raise CameraNotFound(f"No camera has the id {camera_id!r}. There are: {known}.")
        return self._cameras[camera_id]
