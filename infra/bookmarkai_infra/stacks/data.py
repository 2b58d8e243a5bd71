"""Data: PostgreSQL, the shared disk of local media, secrets that an operator fills, and the repository of images.

What is here outlives every deployment, and is kept when its stack is deleted.
"""

import string

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_efs as efs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_rds as rds
from aws_cdk import aws_secretsmanager as secrets
from constructs import Construct

from bookmarkai_infra.names import DATABASE_PORT, PROJECT, Names
from bookmarkai_infra.stacks.network import ISOLATED, NetworkStack, Part
from bookmarkai_infra.stages import Stage

POSTGRES = rds.PostgresEngineVersion.VER_17_9
"""A minor version is pinned: RDS does not take the major version alone for every property."""
USER_ID = "10001"
"""The user of the image (deploy/Dockerfile)."""
KEPT_IMAGES = 50
_UNSAFE_IN_URLS = "".join(sorted(set(string.punctuation) - set("-_"))) + " "
"""What a password must not have that becomes part of a URL. RDS wants some punctuation all the same."""


class DataStack(cdk.Stack):
    """The database, the disk, the secrets and the images."""

    def __init__(
        self, scope: Construct, *, stage: Stage, names: Names, network: NetworkStack, env: cdk.Environment
    ) -> None:
        super().__init__(
            scope,
            names.stack("data"),
            env=env,
            description="BookmarkAI data: PostgreSQL, EFS, secrets, images",
            termination_protection=stage.is_protected,
        )
        self.database = self._make_database(stage, names, network)
        self.door_secret = self._make_door_secret(names)
        self.cdn_secret = self._make_cdn_secret(names)
        self.repository = self._make_repository(names)
        self.files: efs.FileSystem | None = None
        self.access_point: efs.AccessPoint | None = None
        if stage.has_local_media:
            self.files = self._make_files(names, network)
            self.access_point = self.files.add_access_point(
                "Media",
                path="/media",
                create_acl=efs.Acl(owner_uid=USER_ID, owner_gid=USER_ID, permissions="750"),
                posix_user=efs.PosixUser(uid=USER_ID, gid=USER_ID),
            )

    @property
    def database_secret(self) -> secrets.ISecret:
        """User name and password of the database, by field."""
        if self.database.secret is None:  # RDS makes one, because the credentials are generated
            raise RuntimeError("expected the database to have a generated secret")
        return self.database.secret

    def _make_database(self, stage: Stage, names: Names, network: NetworkStack) -> rds.DatabaseInstance:
        engine = rds.DatabaseInstanceEngine.postgres(version=POSTGRES)
        return rds.DatabaseInstance(
            self,
            "Database",
            instance_identifier=names.of("db"),
            engine=engine,
            instance_type=ec2.InstanceType(stage.database.instance),
            vpc=network.vpc,
            vpc_subnets=ec2.SubnetSelection(subnet_group_name=ISOLATED),
            security_groups=[network.groups[Part.DATABASE]],
            port=DATABASE_PORT,
            database_name=PROJECT,
            credentials=rds.Credentials.from_generated_secret(
                PROJECT,
                secret_name=f"{PROJECT}/{stage.name}/database",
                exclude_characters=_UNSAFE_IN_URLS,
            ),
            ca_certificate=rds.CaCertificate.RDS_CA_RSA2048_G1,
            parameter_group=rds.ParameterGroup(
                self,
                "Parameters",
                engine=engine,
                parameters={"rds.force_ssl": "1", "log_min_duration_statement": "1000"},
            ),
            storage_type=rds.StorageType.GP3,
            allocated_storage=stage.database.storage_gb,
            max_allocated_storage=stage.database.max_storage_gb,
            storage_encrypted=True,
            multi_az=stage.database.is_multi_az,
            backup_retention=cdk.Duration.days(stage.database.backup_days),
            copy_tags_to_snapshot=True,
            cloudwatch_logs_exports=["postgresql"],
            auto_minor_version_upgrade=False,
            deletion_protection=stage.is_protected,
            removal_policy=cdk.RemovalPolicy.SNAPSHOT,
        )

    def _make_door_secret(self, names: Names) -> secrets.Secret:
        """Make the key of the pages' cookies. An operator adds the door's tokens to it (infra/README.md)."""
        return secrets.Secret(
            self,
            "DoorSecret",
            secret_name=f"{PROJECT}/{names.stage}/door",
            description="session_key signs the pages' cookies; tokens are lines of `bookmarkai token new`",
            generate_secret_string=secrets.SecretStringGenerator(
                secret_string_template='{"tokens": ""}',  # noqa: S106 - there is none in it
                generate_string_key="session_key",
                password_length=64,
                exclude_punctuation=True,
            ),
            removal_policy=cdk.RemovalPolicy.RETAIN,
        )

    def _make_cdn_secret(self, names: Names) -> secrets.Secret:
        """Make the place of the key that signs links to the CDN. An operator puts it there (infra/README.md).

        Both fields are changed at once, so that a task never has the id of one key and the private half of another.
        """
        return secrets.Secret(
            self,
            "CdnSecret",
            secret_name=f"{PROJECT}/{names.stage}/cdn",
            description="key_id is CloudFront's id of a public key, private_key the PEM that goes with it",
            # What is generated is no key: a link cannot be made with it, and the pipeline says so.
            generate_secret_string=secrets.SecretStringGenerator(
                secret_string_template='{"key_id": "UNSET"}',  # noqa: S106 - there is none in it
                generate_string_key="private_key",
                exclude_punctuation=True,
            ),
            removal_policy=cdk.RemovalPolicy.RETAIN,
        )

    def _make_repository(self, names: Names) -> ecr.Repository:
        return ecr.Repository(
            self,
            "Images",
            repository_name=names.repository,
            # A tag is a commit, and never becomes another image.
            image_tag_mutability=ecr.TagMutability.IMMUTABLE,
            image_scan_on_push=True,
            lifecycle_rules=[ecr.LifecycleRule(max_image_count=KEPT_IMAGES)],
            removal_policy=cdk.RemovalPolicy.RETAIN,
        )

    def _make_files(self, names: Names, network: NetworkStack) -> efs.FileSystem:
        return efs.FileSystem(
            self,
            "Files",
            file_system_name=names.of("media"),
            vpc=network.vpc,
            vpc_subnets=ec2.SubnetSelection(subnet_group_name=ISOLATED),
            security_group=network.groups[Part.FILES],
            encrypted=True,
            enable_automatic_backups=True,
            throughput_mode=efs.ThroughputMode.ELASTIC,
            lifecycle_policy=efs.LifecyclePolicy.AFTER_7_DAYS,
            # A policy of our own, which by itself shuts out whoever has no role. CDK's would let everybody write.
            file_system_policy=iam.PolicyDocument(
                statements=[
                    iam.PolicyStatement(
                        sid="TlsOnly",
                        effect=iam.Effect.DENY,
                        principals=[iam.AnyPrincipal()],
                        actions=["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"],
                        conditions={"Bool": {"aws:SecureTransport": "false"}},
                    )
                ]
            ),
            allow_anonymous_access=True,
            removal_policy=cdk.RemovalPolicy.RETAIN,
        )


def log_retention(days: int) -> logs.RetentionDays:
    """Return CloudWatch's own value for a number of days. Raises `ValueError` if it has none."""
    known = {
        7: logs.RetentionDays.ONE_WEEK,
        14: logs.RetentionDays.TWO_WEEKS,
        30: logs.RetentionDays.ONE_MONTH,
        90: logs.RetentionDays.THREE_MONTHS,
        365: logs.RetentionDays.ONE_YEAR,
    }
    if days not in known:
        raise ValueError(f"expected logs to be kept for one of {', '.join(map(str, known))} days, found {days}")
    return known[days]
