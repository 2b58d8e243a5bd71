"""Media: the bucket, its access logs, the queue of its events, and CloudFront before it.

All of it is in one stack, because the bucket's policy names the distribution and the queue's policy names the bucket.
"""

from hashlib import sha256
from typing import cast

import aws_cdk as cdk
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from bookmarkai_infra.installation import Installation
from bookmarkai_infra.names import MEDIA_PREFIX, RUN_LOGS_PREFIX, TEMPORARY_PREFIX, UPLOADS_PREFIX, Names
from bookmarkai_infra.stages import Stage

LOG_DAYS = 90
MAX_RECEIVES = 5
"""Times that an event is handed out before it goes to the dead-letter queue."""
VISIBILITY = cdk.Duration.minutes(5)
"""The pipeline extends it while it works on an event."""


class MediaStack(cdk.Stack):
    """Everything that lasts longer than a deployment and is not in the database."""

    def __init__(
        self, scope: Construct, *, stage: Stage, installation: Installation, names: Names, env: cdk.Environment
    ) -> None:
        super().__init__(
            scope,
            names.stack("media"),
            env=env,
            description="BookmarkAI media: bucket, events, CDN",
            termination_protection=stage.is_protected,
        )
        self.logs_bucket = self._make_logs_bucket(names)
        self.bucket = self._make_bucket(stage, installation, names)
        self.queue = self._make_queue(names)
        self._notify(names)
        self.distribution = self._make_distribution(installation, names)
        self.cdn_url = f"https://{_cdn_host(installation) or self.distribution.distribution_domain_name}"

    def _make_logs_bucket(self, names: Names) -> s3.Bucket:
        # CloudFront's standard logs are written by ACL, so this one bucket must take ACLs.
        return s3.Bucket(
            self,
            "Logs",
            bucket_name=names.logs_bucket,
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_PREFERRED,
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="expire-logs",
                    expiration=cdk.Duration.days(LOG_DAYS),
                    abort_incomplete_multipart_upload_after=cdk.Duration.days(1),
                )
            ],
            removal_policy=cdk.RemovalPolicy.RETAIN,
        )

    def _make_bucket(self, stage: Stage, installation: Installation, names: Names) -> s3.Bucket:
        return s3.Bucket(
            self,
            "Media",
            bucket_name=names.media_bucket,
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            transfer_acceleration=stage.has_acceleration,
            server_access_logs_bucket=self.logs_bucket,
            server_access_logs_prefix="media/",
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="expire-temporary", prefix=TEMPORARY_PREFIX, expiration=cdk.Duration.days(stage.expiry_days)
                ),
                s3.LifecycleRule(
                    id="expire-run-logs", prefix=RUN_LOGS_PREFIX, expiration=cdk.Duration.days(stage.run_log_days)
                ),
                s3.LifecycleRule(id="abort-incomplete", abort_incomplete_multipart_upload_after=cdk.Duration.days(1)),
            ],
            cors=[
                s3.CorsRule(
                    allowed_methods=[s3.HttpMethods.POST, s3.HttpMethods.PUT],
                    allowed_origins=list(_upload_origins(stage, installation)),
                    allowed_headers=["content-type", "x-amz-*"],
                    exposed_headers=["ETag"],
                    max_age=3600,
                )
            ],
            removal_policy=cdk.RemovalPolicy.RETAIN,
        )

    def _make_queue(self, names: Names) -> sqs.Queue:
        # SSE by SQS itself: a KMS key would have to name the bucket, and the bucket the key.
        dead = sqs.Queue(
            self,
            "DeadEvents",
            queue_name=names.dead_upload_events,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=cdk.Duration.days(14),
        )
        return sqs.Queue(
            self,
            "Events",
            queue_name=names.upload_events,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=cdk.Duration.days(4),
            visibility_timeout=VISIBILITY,
            receive_message_wait_time=cdk.Duration.seconds(20),
            dead_letter_queue=sqs.DeadLetterQueue(max_receive_count=MAX_RECEIVES, queue=dead),
        )

    def _notify(self, names: Names) -> None:
        """Send what arrives under `temp/uploads/` to the queue. CDK's own way would add a Lambda function."""
        self.queue.add_to_resource_policy(
            iam.PolicyStatement(
                sid="BucketSendsEvents",
                principals=[iam.ServicePrincipal("s3.amazonaws.com")],
                actions=["sqs:SendMessage"],
                resources=[self.queue.queue_arn],
                conditions={
                    "ArnEquals": {"aws:SourceArn": f"arn:aws:s3:::{names.media_bucket}"},
                    "StringEquals": {"aws:SourceAccount": names.account},
                },
            )
        )
        bucket = cast("s3.CfnBucket", self.bucket.node.default_child)
        bucket.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
            queue_configurations=[
                s3.CfnBucket.QueueConfigurationProperty(
                    event="s3:ObjectCreated:*",
                    queue=self.queue.queue_arn,
                    filter=s3.CfnBucket.NotificationFilterProperty(
                        s3_key=s3.CfnBucket.S3KeyFilterProperty(
                            rules=[s3.CfnBucket.FilterRuleProperty(name="prefix", value=UPLOADS_PREFIX)]
                        )
                    ),
                )
            ]
        )
        # S3 tries to send when the notification is set, and refuses it if it may not.
        bucket.node.add_dependency(self.queue.node.find_child("Policy"))

    def _make_distribution(self, installation: Installation, names: Names) -> cloudfront.Distribution:
        """Serve videos by signed URLs only. With two keys, links signed by either work, so that one can be replaced."""
        # CloudFront cannot change a key, so each is a resource of its own, named by what it is.
        keys = [
            cloudfront.PublicKey(self, f"Key{sha256(key.encode()).hexdigest()[:8]}", encoded_key=key)
            for key in installation.cdn_keys
        ]
        group = cloudfront.KeyGroup(self, "Keys", key_group_name=names.of("cdn"), items=keys)
        behavior = cloudfront.BehaviorOptions(
            origin=origins.S3BucketOrigin.with_origin_access_control(self.bucket),
            viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.HTTPS_ONLY,
            allowed_methods=cloudfront.AllowedMethods.ALLOW_GET_HEAD,
            cache_policy=cloudfront.CachePolicy.CACHING_OPTIMIZED,
            response_headers_policy=cloudfront.ResponseHeadersPolicy.SECURITY_HEADERS,
            trusted_key_groups=[group],
            compress=False,
        )
        host = installation.cdn_host
        return cloudfront.Distribution(
            self,
            "Cdn",
            domain_names=None if host is None else [host.host],
            certificate=None
            if host is None
            else acm.Certificate.from_certificate_arn(self, "CdnCertificate", host.certificate_arn),
            comment=f"{names.of('media')}: signed URLs of {MEDIA_PREFIX}",
            default_behavior=behavior,
            # CloudFront's own certificate, for its own host name, has a policy that nobody can choose.
            minimum_protocol_version=None if host is None else cloudfront.SecurityPolicyProtocol.TLS_V1_2_2021,
            price_class=cloudfront.PriceClass.PRICE_CLASS_100,
            enable_logging=True,
            log_bucket=self.logs_bucket,
            log_file_prefix="cdn/",
        )


def _upload_origins(stage: Stage, installation: Installation) -> list[str]:
    """Return the pages that may send uploads: those of the stage, and the door's own."""
    entrance = installation.entrance
    return [*stage.upload_origins, *([] if entrance is None else [entrance.door_url])]


def _cdn_host(installation: Installation) -> str | None:
    return None if installation.cdn_host is None else installation.cdn_host.host
