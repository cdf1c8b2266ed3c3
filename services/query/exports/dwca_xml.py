"""Darwin Core Archive: ``meta.xml`` and ``eml.xml``. Plain code.

meta.xml by the Darwin Core text guide (https://dwc.tdwg.org/text/), eml.xml by GBIF's metadata profile 1.2, which is
EML 2.1.1 with its order of elements.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from xml.etree.ElementTree import Element, SubElement, tostring

from services.query.exports.camtrap_package import title_of
from services.query.exports.dwca_rows import DCTERMS, DWC, Multimedia, Occurrence
from services.query.exports.item import ExportContext
from services.query.exports.licences import licence
from services.query.exports.place import Place

TEXT = "http://rs.tdwg.org/dwc/text/"
EML = "eml://ecoinformatics.org/eml-2.1.1"
LOCATION = "http://rs.gbif.org/schema/eml-gbif-profile/1.2/eml.xsd"


def _table(parent: Element, tag: str, row_type: str, file: str) -> Element:
    table = SubElement(
        parent,
        tag,
        encoding="UTF-8",
        fieldsTerminatedBy="\\t",
        linesTerminatedBy="\\n",
        fieldsEnclosedBy="",
        ignoreHeaderLines="1",
        rowType=row_type,
    )
    SubElement(SubElement(table, "files"), "location").text = file
    return table


def _document(root: Element) -> bytes:
    body: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return body


def meta() -> bytes:
    """Return ``meta.xml``: which column is which term."""
    archive = Element("archive", xmlns=TEXT, metadata="eml.xml")
    core = _table(archive, "core", f"{DWC}Occurrence", "occurrence.txt")
    SubElement(core, "id", index="0")
    for index, name in enumerate(Occurrence._fields):
        SubElement(core, "field", index=str(index), term=(DCTERMS if name == "license" else DWC) + name)
    extension = _table(archive, "extension", "http://rs.gbif.org/terms/1.0/Multimedia", "multimedia.txt")
    SubElement(extension, "coreid", index="0")
    for index, name in enumerate(Multimedia._fields[1:], start=1):
        SubElement(extension, "field", index=str(index), term=DCTERMS + name)
    return _document(archive)


def _add(parent: Element, *path: str, text: str) -> None:
    for tag in path:
        parent = SubElement(parent, tag)
    parent.text = text


def _party(parent: Element, tag: str, context: ExportContext) -> None:
    """Add a person or organisation; the individual's name comes first."""
    party, dataset = SubElement(parent, tag), context.dataset
    if dataset.contact_name:
        _add(party, "individualName", "surName", text=dataset.contact_name)
    _add(party, "organizationName", text=dataset.publisher)
    if dataset.contact_email:
        _add(party, "electronicMailAddress", text=dataset.contact_email)


def _coverage(
    parent: Element, places: Sequence[Place], days: tuple[date, date] | None, names: Mapping[str, str]
) -> None:
    coverage = SubElement(parent, "coverage")
    if places:
        area = SubElement(coverage, "geographicCoverage")
        _add(area, "geographicDescription", text=f"{len(places)} camera trap(s)")
        box = SubElement(area, "boundingCoordinates")
        _add(box, "westBoundingCoordinate", text=f"{min(place.longitude for place in places):.6f}")
        _add(box, "eastBoundingCoordinate", text=f"{max(place.longitude for place in places):.6f}")
        _add(box, "northBoundingCoordinate", text=f"{max(place.latitude for place in places):.6f}")
        _add(box, "southBoundingCoordinate", text=f"{min(place.latitude for place in places):.6f}")
    if days:
        span = SubElement(SubElement(coverage, "temporalCoverage"), "rangeOfDates")
        _add(span, "beginDate", "calendarDate", text=days[0].isoformat())
        _add(span, "endDate", "calendarDate", text=days[1].isoformat())
    if names:
        taxa = SubElement(coverage, "taxonomicCoverage")
        for name, rank in sorted(names.items()):
            taxon = SubElement(taxa, "taxonomicClassification")
            _add(taxon, "taxonRankName", text=rank)
            _add(taxon, "taxonRankValue", text=name)


def eml(
    context: ExportContext,
    places: Sequence[Place],
    days: tuple[date, date] | None,
    names: Mapping[str, str],
    *,
    left_out: int,
    demo: bool,
) -> bytes:
    """Return ``eml.xml``: who made the data set, what is in it and under which licence."""
    dataset, created = context.dataset, context.created_at
    root = Element(
        "eml:eml",
        {
            "xmlns:eml": EML,
            "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
            "xsi:schemaLocation": f"{EML} {LOCATION}",
            "packageId": f"krabbel-{created:%Y%m%dT%H%M%SZ}",
            "system": "http://gbif.org",
            "scope": "system",
            "xml:lang": "en",
        },
    )
    told = SubElement(root, "dataset")
    _add(told, "title", text=title_of(context, demo=demo))
    _party(told, "creator", context)
    _party(told, "metadataProvider", context)
    _add(told, "pubDate", text=created.date().isoformat())
    _add(told, "language", text="en")
    description = dataset.description or "Insects on the platforms of camera traps, classified by machine."
    note = f" {left_out} runs without an animal, or too unsure to name one, are left out." if left_out else ""
    _add(told, "abstract", "para", text=description + note)
    terms = licence(dataset.licence)
    rights = SubElement(SubElement(told, "intellectualRights"), "para")
    rights.text = "This work is licensed under a "
    link = SubElement(rights, "ulink", url=terms.url)
    _add(link, "citetitle", text=terms.title)
    link.tail = "."
    _coverage(told, places, days, names)
    _party(told, "contact", context)
    methods = SubElement(told, "methods")
    _add(
        SubElement(methods, "methodStep"),
        "description",
        "para",
        text="A camera trap above a platform detects and tracks insects on the device and photographs each while it "
        "stays. A neural network classifies each picture; the class of a visit is the one with the largest mean "
        "probability weighted by its share of the pictures (insect-detect post-processing).",
    )
    sampling = SubElement(methods, "sampling")
    _add(SubElement(sampling, "studyExtent"), "description", "para", text="Platforms of camera traps.")
    _add(sampling, "samplingDescription", "para", text="Continuous detection while the camera trap is switched on.")
    return _document(root)
