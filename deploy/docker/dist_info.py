"""Write the metadata of the distribution `krabbel` into a folder, so that code which asks for its version gets one.

The images hold single services' folders and not the distribution, which would bring all of them.
"""

import sys
import tomllib
from pathlib import Path

if __name__ == "__main__":
    project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
    folder = Path(sys.argv[1]) / f"{project['name']}-{project['version']}.dist-info"
    folder.mkdir(parents=True)
    lines = ("Metadata-Version: 2.1", f"Name: {project['name']}", f"Version: {project['version']}", "")
    (folder / "METADATA").write_text("\n".join(lines))
