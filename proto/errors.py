"""The errors that Krabbel tells others about. Each maps to one HTTP status, in one place (services/chassis/web.py)."""


class KrabbelError(Exception):
    """Base of all: ``status`` is HTTP's, ``slug`` names the kind for programs, the message says what and what to do."""

    status = 500
    slug = "internal"
    title = "Something broke on our side"
    retry_after_s: int | None = None

    def __init__(self, detail: str, *, retry_after_s: int | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        if retry_after_s is not None:
            self.retry_after_s = retry_after_s


class BadRequest(KrabbelError):
    """A parameter or header cannot be understood."""

    status, slug, title = 400, "bad-request", "The request cannot be understood"


class NameUnfit(BadRequest):
    """A person cannot have this name."""

    slug, title = "name-unfit", "This can be no name"


class NotAuthenticated(KrabbelError):
    """No key, or one that nobody knows."""

    status, slug, title = 401, "not-authenticated", "A valid key is needed"


class WrongSignIn(KrabbelError):
    """Name and password do not belong together; which of the two is wrong is never told."""

    status, slug, title = 401, "wrong-sign-in", "Name or password is wrong"


class SessionEnded(KrabbelError):
    """The session is over, or its user was changed or removed."""

    status, slug, title = 401, "session-ended", "The session has ended"


class NotAllowed(KrabbelError):
    """The key is known and may not do this."""

    status, slug, title = 403, "not-allowed", "This key may not do that"


class NotFound(KrabbelError):
    """Base of what is not there."""

    status, slug, title = 404, "not-found", "There is no such thing"


class RunNotFound(NotFound):
    """No tracking run has this id."""

    slug, title = "run-not-found", "There is no such tracking run"


class ImageNotFound(NotFound):
    """The run has no such image."""

    slug, title = "image-not-found", "There is no such image"


class PicturesRemoved(KrabbelError):
    """Retention removed the run's pictures; what was found out about it stays."""

    status, slug, title = 410, "pictures-gone", "These pictures are not kept any more"


class CameraNotFound(NotFound):
    """No camera has this id."""

    slug, title = "camera-not-found", "There is no such camera"


class KeyNotFound(NotFound):
    """No key has this id."""

    slug, title = "key-not-found", "There is no such key"


class ModelNotFound(NotFound):
    """No model has this id."""

    slug, title = "model-not-found", "There is no such model"


class UnknownLabel(KrabbelError):
    """The taxonomy has no such class, and the machine did not say it either."""

    status, slug, title = 422, "unknown-label", "There is no such class"


class Conflict(KrabbelError):
    """The thing exists already, or its state does not allow this."""

    status, slug, title = 409, "conflict", "This does not fit the present state"


class NameTaken(Conflict):
    """Somebody has this name."""

    slug, title = "name-taken", "Somebody has this name"


class LastAdmin(Conflict):
    """Nobody would be left who may administer."""

    slug, title = "last-admin", "This is the last admin"


class OwnAccount(Conflict):
    """What one person does to others is not done to oneself."""

    slug, title = "own-account", "This is your own account"


class UploadRejected(KrabbelError):
    """Base of all refusals of an upload."""

    status, slug, title = 422, "upload-rejected", "The upload was not accepted"


class InvalidUpload(UploadRejected):
    """The form, its fields or its JSON part are wrong."""

    slug = "invalid-upload"


class UploadTooLarge(UploadRejected):
    """More bytes, files or pixels than allowed."""

    status, slug, title = 413, "upload-too-large", "The upload is too large"


class NotAnImage(UploadRejected):
    """A part is no JPEG, PNG or WebP image, or a broken one."""

    status, slug, title = 415, "not-an-image", "A file is not an image that Krabbel takes"


class UploadTimeout(UploadRejected):
    """The client took too long."""

    status, slug, title = 408, "upload-timeout", "The upload took too long"


class TooManyRequests(KrabbelError):
    """Too many at once, or too many failed keys."""

    status, slug, title, retry_after_s = 429, "too-many-requests", "Too many requests", 5


class Unavailable(KrabbelError):
    """A store, the database or the broker is away, and nothing was kept: try again."""

    status, slug, title, retry_after_s = 503, "unavailable", "Temporarily unavailable", 5


class ModelRefused(KrabbelError):
    """A model file is not what it should be; nothing in it was executed."""

    status, slug, title = 422, "model-refused", "The model was refused"


class MessageRefused(KrabbelError):
    """An AMQP message that this program cannot read; it is parked."""

    slug = "message-refused"
