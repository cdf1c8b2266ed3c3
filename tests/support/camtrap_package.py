"""Validates a Camtrap DP package without a network: frictionless with the official addresses answered from files.

Two of the addresses that the profile refers to have no vendored copy: GeoJSON's schema ships with frictionless, and of
the data package's own we state the rules that matter here (:data:`DATA_PACKAGE`). :func:`faults` are our own checks,
of what frictionless lets through.
"""

import csv
import io
import json
import re
from collections.abc import Iterator
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import Any

import frictionless
import requests
import urllib3
from frictionless import FrictionlessException, Package, system
from requests.adapters import BaseAdapter

OFFICIAL = "https://raw.githubusercontent.com/tdwg/camtrap-dp/1.0.2/"
LICENCE = {
    "type": "object",
    "oneOf": [{"required": ["name"]}, {"required": ["path"]}],
    "properties": {"name": {"type": "string", "pattern": "^([-a-zA-Z0-9._])+$"}},
}
SOURCE = {"type": "object", "required": ["title"]}
DATA_PACKAGE = {
    "$schema": "http://json-schema.org/draft-04/schema#",
    "type": "object",
    "required": ["resources"],
    "properties": {
        "name": {"type": "string", "pattern": "^([-a-z0-9._/])+$"},
        "created": {"type": "string", "format": "date-time"},
        "title": {"type": "string"},
        "description": {"type": "string"},
        "homepage": {"type": "string", "format": "uri"},
        "keywords": {"type": "array", "minItems": 1, "items": {"type": "string"}},
        "contributors": {"type": "array", "minItems": 1, "items": {"type": "object", "required": ["title"]}},
        "licenses": {"type": "array", "minItems": 1, "items": LICENCE},
        "sources": {"type": "array", "items": SOURCE},
        "resources": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["name"],
                "anyOf": [{"required": ["path"]}, {"required": ["data"]}],
                "properties": {"path": {"type": "string", "pattern": "^(?=^[^./~])(^((?!\\.{2}).)*$).*$"}},
            },
        },
    },
}


class Vendored(BaseAdapter):
    """Answers the official addresses from files; any other address is an error."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def send(self, request: requests.PreparedRequest, **_options: Any) -> requests.Response:
        assert request.url is not None
        self.asked.append(request.url)
        response = requests.Response()
        response.status_code, response.url, response.request = 200, request.url, request
        body = self.body(request.url)
        response.raw = urllib3.HTTPResponse(io.BytesIO(body), status=200, preload_content=False)
        return response

    def body(self, url: str) -> bytes:
        if url.startswith(OFFICIAL):
            folder = resources.files("services.query.exports").joinpath("schemas")
            return folder.joinpath(url.removeprefix(OFFICIAL)).read_bytes()
        if url == "https://specs.frictionlessdata.io/schemas/data-package.json":
            return json.dumps(DATA_PACKAGE).encode()
        if url == "http://json.schemastore.org/geojson.json":
            return (Path(frictionless.__file__).parent / "assets" / "profiles" / "geojson.json").read_bytes()
        raise AssertionError(f"a test asks the network for {url}")

    def close(self) -> None:
        """Nothing is open."""


def validate(folder: Path) -> tuple[list[str], list[str]]:
    """Return frictionless's complaints about an unpacked package, and the addresses that it asked for."""
    adapter, session = Vendored(), requests.Session()
    for scheme in ("https://", "http://"):
        session.mount(scheme, adapter)
    with system.use_context(http_session=session, trusted=True):
        try:
            report = Package(str(folder / "datapackage.json")).validate()
        except FrictionlessException as error:
            return [reason.message for reason in error.reasons] or [str(error)], adapter.asked
    problems = report.flatten(["type", "rowNumber", "fieldName", "note"])
    return [" ".join(map(str, problem)) for problem in problems], adapter.asked


def table(folder: Path, name: str) -> list[dict[str, str]]:
    """Return a table's rows."""
    with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)")


def faults(folder: Path) -> Iterator[str]:
    """Yield what is wrong with a package although frictionless has nothing to say."""
    package = json.loads((folder / "datapackage.json").read_text(encoding="utf-8"))
    deployments, media, observations = (table(folder, name) for name in ("deployments", "media", "observations"))
    named = {item["name"]: item["path"] for item in package["resources"]}
    for name in ("deployments", "media", "observations"):
        if name not in named or not (folder / named[name]).is_file():
            yield f"resource {name} is missing"
    for path in (*named.values(), *(row["filePath"] for row in media)):
        if path.startswith(("./", "/", "~")) or ".." in path:
            yield f"path {path}"
    scopes = {item["scope"] for item in package.get("licenses", ())}
    if scopes != {"data", "media"}:
        yield f"licences for {scopes}"
    media_ids = {row["mediaID"] for row in media}
    spans = {row["deploymentID"]: (row["deploymentStart"], row["deploymentEnd"]) for row in deployments}
    for row in (*deployments, *media, *observations):
        for column in ("deploymentStart", "deploymentEnd", "timestamp", "eventStart", "eventEnd"):
            if column in row and not STAMP.fullmatch(row[column]):
                yield f"{column} {row[column]!r}"
        if row["deploymentID"] not in spans:
            yield f"deployment {row['deploymentID']}"
    events = {row["eventID"] for row in observations if row["observationLevel"] == "event"}
    if len(events) != sum(row["observationLevel"] == "event" for row in observations):
        yield "an eventID is used twice"
    for row in observations:
        name = row["observationID"]
        if moment(row["eventEnd"]) < moment(row["eventStart"]):
            yield f"{name}: ends before it starts"
        first, last = spans[row["deploymentID"]]
        if not moment(first) <= moment(row["eventStart"]) <= moment(row["eventEnd"]) <= moment(last):
            yield f"{name}: outside its deployment"
        if (row["observationLevel"] == "media") != bool(row["mediaID"]):
            yield f"{name}: mediaID {row['mediaID']!r} at level {row['observationLevel']}"
        if row["mediaID"] and row["mediaID"] not in media_ids:
            yield f"{name}: no such media"
        if row["eventID"] not in events:
            yield f"{name}: no such event"
        if (row["observationType"] == "animal") != bool(row["scientificName"]):
            yield f"{name}: {row['observationType']} named {row['scientificName']!r}"
        if row["individualID"] or row["bboxX"]:
            yield f"{name}: an individual or a box"
    names = {row["scientificName"] for row in observations} - {""}
    if {taxon["scientificName"] for taxon in package["taxonomic"]} != names:
        yield "taxonomic coverage differs from the observations"


def moment(text: str) -> datetime:
    """Return a moment."""
    return datetime.fromisoformat(text)
