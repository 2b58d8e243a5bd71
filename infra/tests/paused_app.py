"""prod as in its first deployment: without running tasks, and with another image for the migration.

python -m tests.paused_app TARGET
"""

import shutil
import sys
from dataclasses import replace

from bookmarkai_infra.build import build, new_app
from bookmarkai_infra.checks.sample import sample_installation
from bookmarkai_infra.stages import PROD
from tests.conftest import KEYS

MIGRATION_TAG = "fedcba9"

if __name__ == "__main__":
    installation = replace(sample_installation(PROD.name, KEYS), is_paused=True, migration_tag=MIGRATION_TAG)
    app = build(new_app(), PROD, installation)
    app.synth()
    shutil.copytree(app.outdir, sys.argv[1], dirs_exist_ok=True)
