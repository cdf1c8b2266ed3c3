"""Camtrap DP 1.0.2: the package's own description, ``datapackage.json``. Plain code.

Rules: https://camtrap-dp.tdwg.org/metadata/ (1.0.2). Profile and schemas are named by their official addresses: only
those tell a reader which version this is.
"""

import ipaddress
import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any
from urllib.parse import urlsplit

from proto.camera import Camera
from services.query.exports.camtrap_rows import taxa
from services.query.exports.item import ExportContext
from services.query.exports.licences import licence
from services.query.exports.place import Place

OFFICIAL = "https://raw.githubusercontent.com/tdwg/camtrap-dp/1.0.2/"
TABLES = ("deployments", "media", "observations")


def is_public(url: str) -> bool:
    """Say whether the world can reach an address: no loopback, private or unqualified host."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        return "." in host and not host.endswith((".local", ".internal", ".localhost", ".lan"))


def resource(name: str) -> dict[str, str]:
    """Return the description of one table."""
    return {
        "name": name,
        "path": f"{name}.csv",
        "profile": "tabular-data-resource",
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "schema": f"{OFFICIAL}{name}-table-schema.json",
    }


def spatial(places: Iterable[Place]) -> dict[str, Any]:
    """Return the package's extent as GeoJSON: a point, or the box around all cameras."""
    points = sorted({(place.longitude, place.latitude) for place in places})
    if not points:
        return {"type": "GeometryCollection", "geometries": []}
    west, east = points[0][0], points[-1][0]
    south, north = min(point[1] for point in points), max(point[1] for point in points)
    if (west, south) == (east, north):
        return {"type": "Point", "coordinates": [west, south]}
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


def contributors(context: ExportContext, cameras: Iterable[Camera]) -> list[dict[str, str]]:
    """Return who made the data: publisher, contact, and whoever has rights in a camera's pictures."""
    dataset = context.dataset
    found = [{"title": dataset.publisher, "role": "publisher"}]
    if dataset.contact_name or dataset.contact_email:
        contact = {"title": dataset.contact_name or dataset.contact_email, "role": "contact"}
        found.append(contact | ({"email": dataset.contact_email} if dataset.contact_email else {}))
    credits_ = sorted({camera.credit for camera in cameras if camera.credit})
    return found + [{"title": credit, "role": "rightsHolder"} for credit in credits_]


def licences(context: ExportContext, cameras: Iterable[Camera]) -> list[dict[str, str]]:
    """Return the licence of the data, and those of the pictures.

    Each has a name and no ``path``: versions of the data package's schema allow only one of the two.
    """
    media = sorted({camera.licence for camera in cameras}) or [context.dataset.licence]
    found = []
    for scope, names in (("data", [context.dataset.licence]), ("media", media)):
        for name in names:
            known = licence(name)
            identifier = re.sub(r"[^-A-Za-z0-9._]+", "-", known.name).strip("-") or "unknown"
            found.append({"name": identifier, "title": known.title, "scope": scope})
    return found


def citation(context: ExportContext, runs: int) -> str:
    """Return how to cite this package."""
    return f"{context.dataset.publisher} ({context.created_at.year}): {title_of(context, demo=False)}. {runs} events."


def title_of(context: ExportContext, *, demo: bool) -> str:
    """Return the title; what a demonstration model said is marked where everybody looks."""
    return f"DEMO MODEL, NOT FOR PUBLICATION: {context.dataset.title}" if demo else context.dataset.title


def package(
    context: ExportContext,
    deployments: Mapping[str, tuple[Camera, Place]],
    days: tuple[date, date],
    names: Mapping[str, str],
    *,
    runs: int,
    demo: bool,
) -> dict[str, Any]:
    """Return ``datapackage.json``. ``names``: rank by scientific name; ``days``: first and last local day."""
    dataset = context.dataset
    cameras = [camera for camera, _ in deployments.values()]
    places = [place for _, place in deployments.values()]
    precisions = [place.precision for place in places if place.precision]
    created = context.created_at.isoformat(timespec="seconds").replace("+00:00", "Z")
    described: dict[str, Any] = {
        "profile": f"{OFFICIAL}camtrap-dp-profile.json",
        "name": "krabbel-camtrap-dp",
        "created": created,
        "title": title_of(context, demo=demo),
        "description": dataset.description or "Insects on the platforms of camera traps, classified by machine.",
        "version": created[:10].replace("-", "."),
        "keywords": ["insects", "camera trap", "pollinators", "machine observation"],
        "contributors": contributors(context, cameras),
        "licenses": licences(context, cameras),
        "bibliographicCitation": citation(context, runs),
        "sources": [{"title": "Krabbel", "version": context.version}],
        "project": {
            "title": dataset.title,
            "description": dataset.description or "Camera traps of newsrooms: what is crawling there?",
            "samplingDesign": dataset.sampling_design,
            "captureMethod": ["activityDetection"],
            "individualAnimals": False,
            "observationLevel": ["event", "media"],
        },
        "spatial": spatial(places),
        "temporal": {"start": days[0].isoformat(), "end": days[1].isoformat()},
        "taxonomic": taxa(names),
        "resources": [resource(table) for table in TABLES],
    }
    if precisions:
        described["coordinatePrecision"] = max(precisions)
    if is_public(context.base_url):
        described["homepage"] = context.base_url
    return described
