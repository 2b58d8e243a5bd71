"""cfn-lint over one template."""

from cfnlint import lint as run_cfn_lint
from cfnlint.config import ManualArgs

from bookmarkai_infra.checks.sample import REGION

IGNORED = ["W3010"]
"""Zones are named in the network's template, because the CDK would have to ask the account for them."""


def lint(template: str) -> list[str]:
    """Return the rules that a template breaks, each with where and why."""
    config = ManualArgs(regions=[REGION], ignore_checks=IGNORED)
    return [f"{match.rule.id} {match.path}: {match.message}" for match in run_cfn_lint(template, config=config)]
