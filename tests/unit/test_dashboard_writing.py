"""Writes are taken from pages of the dashboard itself, and from nobody else's."""

import pytest
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine

from services.dashboard.administering import GATEWAY, QUERY, upstream_of
from services.dashboard.writing import from_our_page

OURS = {"X-Krabbel-Page": "1", "Sec-Fetch-Site": "same-origin", "Origin": "https://krabbel.example.org"}


def request(**changed: str | None) -> HTTPServerRequest:
    """Return a request of our page, with some headers changed or, with None, left out."""
    headers = OURS | {name.replace("_", "-"): value for name, value in changed.items()}
    given = HTTPHeaders({name: value for name, value in headers.items() if value is not None})
    given["Host"] = "krabbel.example.org"
    return HTTPServerRequest(start_line=RequestStartLine("POST", "/", "HTTP/1.1"), headers=given)


@pytest.mark.parametrize(
    ("changed", "taken"),
    [
        ({}, True),
        ({"Origin": None}, True),
        ({"Sec_Fetch_Site": None}, True),
        ({"X_Krabbel_Page": None}, False),
        ({"X_Krabbel_Page": "0"}, False),
        ({"Sec_Fetch_Site": "cross-site"}, False),
        ({"Sec_Fetch_Site": "same-site"}, False),
        ({"Sec_Fetch_Site": "none"}, False),
        ({"Origin": "https://evil.example.org"}, False),
        ({"Origin": "https://krabbel.example.org:8443"}, False),
        ({"Origin": "null"}, False),
    ],
)
def test_request_is_taken_from_our_own_pages_only(changed: dict[str, str | None], taken: bool) -> None:
    assert from_our_page(request(**changed)) is taken


@pytest.mark.parametrize(
    ("method", "path", "upstream"),
    [
        ("POST", "cameras", GATEWAY),
        ("PATCH", "cameras/garten-1", GATEWAY),
        ("DELETE", "keys/0123456789ab", GATEWAY),
        ("POST", "dead/replay", GATEWAY),
        ("POST", "models/yolov5n-insects@2024.1/activate", GATEWAY),
        ("PUT", "retention", GATEWAY),
        ("POST", "exports", QUERY),
        ("DELETE", "cameras/garten-1", None),
        ("PATCH", "cameras/../keys", None),
        ("POST", "runs", None),
        ("DELETE", "dead", None),
        ("POST", "models/a/b@1/activate", None),
        ("GET", "keys", None),
    ],
)
def test_only_listed_changes_are_passed_on(method: str, path: str, upstream: str | None) -> None:
    assert upstream_of(method, path) == upstream
