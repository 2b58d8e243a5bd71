"""An app with mistakes for the tools that read constructs: cdk-nag, cdk-preflight and the CDK's own validator.

python -m tests.faulty_app TARGET
"""

import sys
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secrets

from bookmarkai_infra.build import new_app
from bookmarkai_infra.checks.synthesis import JSON_REPORT, synthesize

EVERY_PUNCTUATION = " !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"


def build_faulty() -> cdk.App:
    """Return an app whose every resource is a mistake."""
    app = new_app(**JSON_REPORT)
    stack = cdk.Stack(app, "faulty", env=cdk.Environment(account="111122223333", region="us-east-1"))
    s3.CfnBucket(stack, "OpenBucket").add_property_override("BucketNam", "misspelt")
    secrets.CfnSecret(
        stack,
        "Secret",
        generate_secret_string=secrets.CfnSecret.GenerateSecretStringProperty(exclude_characters=EVERY_PUNCTUATION),
    )
    ec2.CfnSecurityGroup(
        stack,
        "OpenGroup",
        group_description="open",
        vpc_id="vpc-0123456789abcdef0",
        security_group_ingress=[
            ec2.CfnSecurityGroup.IngressProperty(ip_protocol="tcp", cidr_ip="0.0.0.0/0", from_port=22, to_port=22)
        ],
    )
    return app


if __name__ == "__main__":
    synthesize(build_faulty(), Path(sys.argv[1]))
