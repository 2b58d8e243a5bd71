"""The entry that the CDK's command line starts: `cdk deploy --all -c stage=dev`. infra/README.md says the rest."""

import sys

from bookmarkai_infra.build import ROOT, build, command_line_app
from bookmarkai_infra.installation import read_installation
from bookmarkai_infra.stages import STAGES


def main() -> None:
    """Synthesize one stage. Ends with a message and exit code 1 if something is missing."""
    app = command_line_app()
    context = app.node.get_all_context()
    name = str(context.get("stage"))
    if name not in STAGES:
        sys.exit(f"bookmarkai-infra: expected -c stage={' or -c stage='.join(STAGES)}, found {name}")
    try:
        installation = read_installation(context, ROOT / "keys", name)
    except ValueError as error:
        sys.exit(f"bookmarkai-infra: {error}")
    build(app, STAGES[name], installation).synth()


if __name__ == "__main__":
    main()
