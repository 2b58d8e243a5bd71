"""What the pipeline's own tests need of the synthesized stacks: roles, and how the media bucket is set up.

    python -m bookmarkai_infra.checks.exports KEYS

writes `synthesized.json`, so that those tests need no CDK. `make infra-check` compares it with the templates.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bookmarkai_infra.build import ROOT, build, new_app
from bookmarkai_infra.checks.sample import ACCOUNT, REGION, sample_installation
from bookmarkai_infra.checks.stacks import Json, Stacks
from bookmarkai_infra.stages import STAGES

FILE = ROOT / "synthesized.json"
_BUCKET = "AWS::S3::Bucket"


def export(stacks: Stacks) -> dict[str, Any]:
    """Return the roles of one stage, each with its statements, and the media bucket with its policy.

    What CloudFormation would fill in stands as `${Name}`, unless its name is fixed.
    """
    known = dict(_known(stacks))
    bucket = next(one for one in stacks.resources(_BUCKET) if one.id.startswith("Media"))
    policy = next(
        one for one in stacks.resources("AWS::S3::BucketPolicy") if one.properties["Bucket"] == {"Ref": bucket.id}
    )
    return {
        "roles": dict(sorted(_roles(stacks, known))),
        "bucket": {
            "name": bucket.properties["BucketName"],
            "cors": bucket.properties["CorsConfiguration"]["CorsRules"],
            "lifecycle": bucket.properties["LifecycleConfiguration"]["Rules"],
            "policy": _resolve(policy.properties["PolicyDocument"], known),
        },
    }


def as_text(exported: Mapping[str, Any]) -> str:
    """Return what the file has, given the exports by stage."""
    return json.dumps(exported, indent=1, sort_keys=True) + "\n"


def _roles(stacks: Stacks, known: Mapping[str, str]) -> Iterator[tuple[str, list[Json]]]:
    for role in stacks.resources("AWS::IAM::Role"):
        if role.stack != "compute" or "RoleName" not in role.properties:
            continue
        statements = [
            _resolve(statement, known)
            for policy in stacks.resources("AWS::IAM::Policy")
            if {"Ref": role.id} in policy.properties["Roles"]
            for statement in policy.properties["PolicyDocument"]["Statement"]
        ]
        yield role.properties["RoleName"], statements


def _known(stacks: Stacks) -> Iterator[tuple[str, str]]:
    yield from {"AWS::Partition": "aws", "AWS::AccountId": ACCOUNT, "AWS::Region": REGION}.items()
    for bucket in stacks.resources(_BUCKET):
        yield f"{bucket.id}.Arn", f"arn:aws:s3:::{bucket.properties['BucketName']}"
    for role in stacks.resources("AWS::IAM::Role"):
        if "RoleName" in role.properties:
            yield f"{role.id}.Arn", f"arn:aws:iam::{ACCOUNT}:role/{role.properties['RoleName']}"


def _resolve(value: Json, known: Mapping[str, str]) -> Json:
    if isinstance(value, list):
        return [_resolve(one, known) for one in value]
    if not isinstance(value, Mapping):
        return value
    if "Fn::Join" in value:
        separator, parts = value["Fn::Join"]
        return str(separator).join(str(_resolve(part, known)) for part in parts)
    for function, name in (
        ("Ref", value.get("Ref")),
        ("Fn::GetAtt", ".".join(value.get("Fn::GetAtt", ()))),
        ("Fn::ImportValue", value.get("Fn::ImportValue")),
    ):
        if function in value:
            return known.get(str(name), f"${{{name}}}")
    return {key: _resolve(one, known) for key, one in value.items()}


def _synthesize(stage: str, keys: Path) -> Stacks:
    app = build(new_app(), STAGES[stage], sample_installation(stage, keys))
    app.synth()
    return Stacks.read(Path(app.outdir))


if __name__ == "__main__":
    FILE.write_text(as_text({stage: export(_synthesize(stage, Path(sys.argv[1]))) for stage in STAGES}))
