"""All names in one place. What has a fixed name can be spoken of in another stack without a reference."""

from dataclasses import dataclass

PROJECT = "bookmarkai"
METRICS_NAMESPACE = "BookmarkAI/Media"
MEDIA_PREFIX = "temp/videos/"
UPLOADS_PREFIX = "temp/uploads/"
TEMPORARY_PREFIX = "temp/"
RUN_LOGS_PREFIX = "dagster-logs/"

DOOR = "door"
UI = "ui"
READ_ONLY_UI = "read-only-ui"
DAEMON = "daemon"
CODE = "code"
WORKER = "worker"
RUN = "run"
OPERATOR = "operator"
MIGRATION = "migration"

CODE_PORT = 4266
UI_PORT = 3000
DOOR_PORT = 8080
DATABASE_PORT = 5432
EFS_PORT = 2049
BROKER_PORT = 5671
HTTPS_PORT = 443

MAX_STOP_SECONDS = 120
"""Fargate's longest `stopTimeout`, and Spot's notice."""


@dataclass(frozen=True)
class Names:
    """The names of one stage."""

    stage: str
    account: str

    def of(self, what: str) -> str:
        """Return the name of something of this stage, such as `bookmarkai-dev-run`."""
        return f"{PROJECT}-{self.stage}-{what}"

    def stack(self, what: str) -> str:
        """Return a stack's name."""
        return self.of(what)

    @property
    def media_bucket(self) -> str:
        """The bucket of media."""
        return f"{PROJECT}-media-{self.stage}-{self.account}"

    @property
    def logs_bucket(self) -> str:
        """The bucket of access logs."""
        return f"{PROJECT}-logs-{self.stage}-{self.account}"

    @property
    def upload_events(self) -> str:
        """The queue of the bucket's events."""
        return self.of("upload-events")

    @property
    def dead_upload_events(self) -> str:
        """The queue of events that could not be taken in."""
        return self.of("upload-events-dead")

    @property
    def cluster(self) -> str:
        """The ECS cluster."""
        return f"{PROJECT}-{self.stage}"

    @property
    def project_tag(self) -> str:
        """The value of the tag `project`, by which the budget counts. A stage has its own, also in a shared account."""
        return f"{PROJECT}-{self.stage}"

    @property
    def repository(self) -> str:
        """The repository of images in ECR."""
        return f"{PROJECT}-{self.stage}"

    @property
    def namespace(self) -> str:
        """The private DNS zone in which tasks find each other."""
        return f"{self.stage}.{PROJECT}.internal"

    @property
    def log_group(self) -> str:
        """The log group of all tasks."""
        return f"/{PROJECT}/{self.stage}"
