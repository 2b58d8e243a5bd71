"""Print what the project needs, one requirement a line, so that the image's layer of packages outlives changes of code.

    requirements.py PYPROJECT EXTRA...

Only the build of the image runs this, before the project itself is installed.
"""

import sys
import tomllib
from pathlib import Path

pyproject, *extras = sys.argv[1:]
project = tomllib.loads(Path(pyproject).read_text(encoding="utf-8"))["project"]
needed = [*project["dependencies"], *(line for extra in extras for line in project["optional-dependencies"][extra])]
print("\n".join(needed))  # noqa: T201 - a program's output
