"""Print what is installed in this Python as a CycloneDX 1.5 bill of materials: names, versions, licences.

Run while an image is built; the result is in each image as /opt/krabbel/sbom.cdx.json.
"""

import json
import sys
from importlib.metadata import Distribution, PackageMetadata, distributions
from pathlib import Path
from typing import Any


def licence(metadata: PackageMetadata) -> dict[str, Any] | None:
    """Return what a package says of its licence: an SPDX expression where it has one, else its own words."""
    fields = metadata.json
    if expression := fields.get("license_expression"):
        return {"expression": expression}
    names = [str(line).split(" :: ")[-1] for line in fields.get("classifier", []) if line.startswith("License ::")]
    words = " / ".join(names) or str(fields.get("license", "")).strip().split("\n")[0][:100]
    return {"license": {"name": words}} if words else None


def component(distribution: Distribution) -> dict[str, Any]:
    """Describe one package."""
    name, version = distribution.metadata["Name"], distribution.version
    found = licence(distribution.metadata)
    return {
        "type": "library",
        "name": name,
        "version": version,
        "purl": f"pkg:pypi/{name.lower().replace('_', '-')}@{version}",
        **({"licenses": [found]} if found else {}),
    }


def bill_of_materials(name: str) -> dict[str, Any]:
    """Describe all packages of this Python, in the order of their names."""
    components = sorted((component(item) for item in distributions()), key=lambda item: str(item["purl"]))
    # Only what is not in the image itself: Debian's packages are in /var/lib/dpkg, where scanners look for them.
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": {"type": "container", "name": name}},
        "components": components,
    }


if __name__ == "__main__":
    print(json.dumps(bill_of_materials(sys.argv[1] if len(sys.argv) > 1 else Path.cwd().name), indent=1))
