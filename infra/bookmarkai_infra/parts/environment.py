"""The environment of tasks: the pipeline's settings, and which of them come from secrets."""

from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_secretsmanager as secrets

from bookmarkai_infra.installation import Installation
from bookmarkai_infra.names import CODE, CODE_PORT, DATABASE_PORT, DOOR_PORT, METRICS_NAMESPACE, PROJECT, Names
from bookmarkai_infra.stages import Stage

RDS_CA = "/etc/bookmarkai/rds-ca.pem"
"""Amazon's certificates in the image (deploy/ecs/Dockerfile)."""
TASK_START_SECONDS, WORKER_START_SECONDS = 300, 120
"""`start_timeout_seconds` of dagster.yaml and of dagster-celery.yaml in deploy/ecs. The sensor dead_runs would end runs
sooner by itself: before a Fargate task has started, or a worker has been added."""
MEDIA_DIRECTORY = "/var/lib/bookmarkai/media"


def common_settings(stage: Stage, names: Names, *, region: str, database_host: str) -> dict[str, str]:
    """Return the settings of every task."""
    return {
        "AWS_REGION": region,
        "BOOKMARKAI_CODE_HOST": f"{CODE}.{names.namespace}",
        "BOOKMARKAI_CODE_PORT": str(CODE_PORT),
        "CATALOG_HOST": database_host,
        "CATALOG_NAME": PROJECT,
        "CATALOG_PORT": str(DATABASE_PORT),
        "CATALOG_SSLMODE": "verify-full",
        "CATALOG_SSLROOTCERT": RDS_CA,
        "CLOUDWATCH_NAMESPACE": METRICS_NAMESPACE,
        "DAGSTER_MAX_RUNS": str(stage.max_runs),
        "S3_EXPIRY_DAYS": str(stage.expiry_days),
        "S3_MEDIA_BUCKET": names.media_bucket,
        "STORAGE_MODE": stage.storage_mode.value,
        "WORKER_START_SECONDS": str(TASK_START_SECONDS if stage.broker is None else WORKER_START_SECONDS),
        "WHISPER_CPU_THREADS": str(max(1, stage.run_size.cpu // 1024)),
        "YTDLP_DOWNLOAD_DIR": MEDIA_DIRECTORY,
    }


def door_settings(stage: Stage, installation: Installation) -> dict[str, str]:
    """Return the door's own settings. It listens beyond loopback, so it needs the tokens of its secret."""
    settings = {
        "DOOR_HOST": "0.0.0.0",  # noqa: S104 - a task has one address, and its security group says who may come
        "DOOR_PORT": str(DOOR_PORT),
        "DOOR_CORS_ORIGINS": ",".join(stage.upload_origins),
    }
    if stage.has_acceleration:
        # Only here, where links for uploads are signed. Other tasks are beside the bucket: they reach it through the
        # gateway endpoint, which accelerated requests would go around, through NAT and for a price.
        settings["S3_USE_ACCELERATE"] = "true"
    if (entrance := installation.entrance) is not None:
        settings["DOOR_ALLOWED_HOSTS"] = entrance.door_host
        settings["DOOR_URL"] = entrance.door_url
    return settings


def event_settings(names: Names, *, region: str) -> dict[str, str]:
    """Return where the bucket's events are, for who takes them and who looks whether they can be taken."""
    return {"UPLOAD_EVENTS_QUEUE_URL": f"https://sqs.{region}.amazonaws.com/{names.account}/{names.upload_events}"}


def catalog_secrets(secret: secrets.ISecret) -> dict[str, ecs.Secret]:
    """Return the fields of the database's secret, as the settings that take them."""
    return {
        "CATALOG_USER": ecs.Secret.from_secrets_manager(secret, "username"),
        "CATALOG_PASSWORD": ecs.Secret.from_secrets_manager(secret, "password"),
    }


def door_secrets(secret: secrets.ISecret) -> dict[str, ecs.Secret]:
    """Return the door's tokens and the key of its cookies."""
    return {
        "DOOR_TOKENS": ecs.Secret.from_secrets_manager(secret, "tokens"),
        "DOOR_SESSION_KEY": ecs.Secret.from_secrets_manager(secret, "session_key"),
    }


def cdn_secrets(secret: secrets.ISecret) -> dict[str, ecs.Secret]:
    """Return the key that signs links to the CDN. Go with CDN_URL."""
    return {
        "CDN_KEY_ID": ecs.Secret.from_secrets_manager(secret, "key_id"),
        "CDN_PRIVATE_KEY": ecs.Secret.from_secrets_manager(secret, "private_key"),
    }


def celery_secrets(secret: secrets.ISecret) -> dict[str, ecs.Secret]:
    """Return where Celery finds its broker and its results."""
    return {
        "CELERY_BROKER_URL": ecs.Secret.from_secrets_manager(secret, "broker_url"),
        "CELERY_RESULT_BACKEND": ecs.Secret.from_secrets_manager(secret, "result_backend"),
    }
