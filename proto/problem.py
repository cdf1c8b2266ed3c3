"""The one JSON shape of every refusal: RFC 9457 problem details, ``application/problem+json``."""

from pydantic import Field

from proto.base import Contract

PROBLEM_CONTENT_TYPE = "application/problem+json"


class Problem(Contract):
    """RFC 9457 with the id under which the logs tell the rest."""

    type: str = Field(description="urn:krabbel:problem:<slug>, stable, for programs")
    title: str = Field(description="The kind of problem, same for all of this type")
    status: int = Field(ge=400, le=599)
    detail: str = Field(description="What was wrong, with which input, and what to do")
    instance: str | None = Field(default=None, description="Path of the request")
    request_id: str | None = Field(default=None, description="The same id stands in the logs and in X-Request-ID")
