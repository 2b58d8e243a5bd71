"""Synthesize a stage once, with the tools that look at it, and keep templates and findings as files.

    python -m bookmarkai_infra.checks.synthesis STAGE KEYS TARGET

A process of its own, so that two stages are synthesized at the same time, and no state of the CDK is left behind.
"""

import json
import shutil
import sys
from pathlib import Path

import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks
from cdk_preflight import Preflight
from jsii.errors import JavaScriptError

from bookmarkai_infra.build import build, new_app
from bookmarkai_infra.checks.sample import sample_installation
from bookmarkai_infra.stages import STAGES

REPORT = "validation-report.json"
JSON_REPORT: dict[str, object] = {"@aws-cdk/core:validationReportJson": True}


def synthesize(app: cdk.App, target: Path) -> None:
    """Write an app's templates and the report of all findings into a folder. Findings do not stop it."""
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    Preflight.apply(app, strict=True)
    try:
        app.synth()
    except (JavaScriptError, RuntimeError) as error:
        if REPORT not in str(error):  # not findings, but a template that cannot be made
            raise
    # The CDK removes its own folder when the process ends.
    shutil.copytree(app.outdir, target, dirs_exist_ok=True)
    json.loads((target / REPORT).read_text())


if __name__ == "__main__":
    name, keys, folder = sys.argv[1:]
    synthesize(build(new_app(**JSON_REPORT), STAGES[name], sample_installation(name, Path(keys))), Path(folder))
