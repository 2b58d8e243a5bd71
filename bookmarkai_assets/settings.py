"""The one reader of the environment: variables in, typed and validated settings out.

Read by `cli` and `definitions` only; every other part gets what it needs handed in. A start with a bad variable stops
with one message that names all of them.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import Field, ModelWrapValidatorHandler, SecretStr, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from bookmarkai_assets.core.errors import ConfigurationError
from bookmarkai_assets.core.placement import StorageMode
from bookmarkai_assets.core.rollout import AbortTarget, RolloutControl, Stage, check_stages
from bookmarkai_assets.core.site_access import CookiesFile, UpstreamProxy, cookies_files
from bookmarkai_assets.core.sites import parse_by_site
from bookmarkai_assets.core.transcripts import Task
from bookmarkai_assets.core.urls import HostPort

MASK = "********"
_SECRETS = frozenset({"S3_ACCESS_KEY", "S3_SECRET_KEY", "YTDLP_PROXY", "ALERT_WEBHOOK_URL", "ALERT_WEBHOOK_SECRET"})


class SpeechEngineName(StrEnum):
    """`WHISPER_ENGINE`."""

    FASTER_WHISPER = "faster-whisper"
    OPENAI_WHISPER = "openai-whisper"


class Settings(BaseSettings):
    """Every setting, under the name of its environment variable in lower case; also read from `.env` in the directory.

    Names without one of our prefixes are those that BookmarkAI's operators know already.
    """

    model_config = SettingsConfigDict(
        env_file=".env", extra="ignore", frozen=True, env_ignore_empty=True, allow_inf_nan=False
    )

    storage_mode: StorageMode = Field(StorageMode.LOCAL, description="Where new media goes: local, s3 or hybrid")
    s3_split_percentage: int = Field(
        0, ge=0, le=100, description="Under hybrid, the percentage of new media that S3 takes: 0 to 100"
    )
    s3_media_bucket: str | None = Field(
        None, pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", description="The bucket for media"
    )
    s3_video_prefix: str = Field("temp/videos/", description="Prefix of every object key; ends in /")
    aws_region: str | None = Field(None, description="Region of the bucket")
    s3_endpoint: str | None = Field(None, description="http(s) URL of an S3-compatible server; unset means AWS")
    s3_access_key: SecretStr | None = Field(None, description="Access key; unset means AWS's own credential chain")
    s3_secret_key: SecretStr | None = Field(None, description="Secret key to the access key")
    s3_use_path_style: bool = Field(False, description="true for servers that want the bucket in the path")

    ytdlp_download_dir: Path = Field(
        Path("/tmp/bookmarkai-videos"),  # noqa: S108 - the path BookmarkAI's operators already have on their disks
        description="Local media, and under .staging downloads in progress; an absolute path",
    )
    ytdlp_allowed_extractors: Annotated[tuple[str, ...], NoDecode] = Field(
        ("tiktok", "vm.tiktok", "youtube", "instagram", "reddit", "twitter"),
        min_length=1,
        description="yt-dlp extractors that may be used: names or patterns, comma-separated; generic opens any page",
    )
    ytdlp_cookies: Annotated[frozenset[CookiesFile], NoDecode] = Field(
        frozenset(),
        description="Cookies files by platform, such as tiktok=/etc/bookmarkai/tiktok.txt,x=/etc/bookmarkai/x.txt",
    )
    ytdlp_proxy: SecretStr | None = Field(
        None,
        description="An HTTP proxy that downloads leave by, http://user:password@host:port; the egress guard stays",
    )
    ytdlp_impersonate: str | None = Field(
        None,
        pattern=r"^[a-z]+(-[0-9.]+)?(:[a-z]+(-[0-9.]+)?)?$",
        description="The browser that all requests look like, as yt-dlp names it: chrome, firefox-147, safari:ios",
    )
    ytdlp_sleep_seconds: float = Field(
        0, ge=0, le=60, description="Pause between the requests that one download makes to find its video"
    )
    download_max_bytes: int = Field(2_000_000_000, gt=0, description="Largest video in bytes")
    download_max_duration_seconds: float = Field(7200, gt=0, le=864_000, description="Longest video in seconds")
    download_timeout_seconds: float = Field(900, gt=0, le=86_400, description="Time one download may take in seconds")
    download_patience_seconds: float = Field(
        1,
        gt=0,
        le=86_400,
        description="Least time that a batch waits for its slowest downloads before they get runs of their own",
    )
    download_concurrency: int = Field(4, ge=1, le=64, description="Downloads at a time within one run")
    download_min_free_bytes: int = Field(
        2_500_000_000, ge=0, description="No share is taken up while the disk of the local media has less free"
    )
    site_max_refusals: int = Field(
        5, ge=1, le=1000, description="Fetches that a site turns away in a row (blocked, rate-limited) before it pauses"
    )
    site_pause_seconds: float = Field(
        300, gt=0, le=86_400, description="The first pause of a site that turns fetches away; it doubles each time"
    )
    site_max_pause_seconds: float = Field(21_600, gt=0, le=604_800, description="Longest pause of a site")
    site_concurrency: Annotated[Mapping[str, Annotated[int, Field(ge=1)]], NoDecode] = Field(
        {}, description="Fetches at a time by site, such as tiktok=2,youtube=4; a site not named has no limit"
    )
    site_fetches_per_minute: Annotated[Mapping[str, Annotated[float, Field(gt=0)]], NoDecode] = Field(
        {}, description="Fetches begun per minute by site, such as tiktok=30; a site not named has no limit"
    )
    egress_allowed_hosts: Annotated[frozenset[HostPort], NoDecode] = Field(
        frozenset(), description="host:port pairs, comma-separated, that downloads may reach although not public"
    )

    s3_expiry_days: int = Field(
        7,
        ge=0,
        le=3650,
        description="Days of the bucket's lifecycle rule for objects under temp/; 0 means there is none",
    )
    local_retention_days: float | None = Field(
        None,
        gt=0,
        le=3650,
        description="Days until a transcribed video's local file may go; unset means S3_EXPIRY_DAYS, never if 0",
    )
    cleanup_grace_hours: float = Field(
        24, ge=0, le=8760, description="Clean-up touches no file, and no place recorded, that is younger"
    )

    rollout_stages: Annotated[tuple[Stage, ...], NoDecode] = Field(
        tuple(Stage(percentage) for percentage in (10, 25, 50, 75, 100)),
        description="The rollout's stages in rising order, percentages of new media; shadow first copies and compares",
    )
    rollout_min_stage_hours: float = Field(168, ge=0, le=8760, description="The least time in a stage")
    rollout_control: RolloutControl = Field(
        RolloutControl.MANUAL, description="manual: the gate advises; automatic: it promotes and aborts by itself"
    )
    rollout_abort_to: AbortTarget = Field(
        AbortTarget.LAST_HELD, description="Where an abort goes back to: last, the stage that held before, or 0"
    )
    rollout_window_hours: float = Field(
        24, ge=1, le=720, description="The gate judges the transfers of this many hours"
    )
    rollout_min_sample: int = Field(50, ge=1, description="Uploads, and downloads, that the gate wants to see at least")
    rollout_max_failure_percent: float = Field(5, ge=0, le=100, description="Failed uploads that the gate accepts")
    rollout_max_upload_seconds: float = Field(30, gt=0, le=3600, description="Mean upload time that the gate accepts")
    rollout_max_download_seconds: float = Field(
        30, gt=0, le=3600, description="p95 of workers' download times from S3 that the gate accepts"
    )
    rollout_budget_usd: float | None = Field(
        None, gt=0, description="Budget for S3 per calendar month in USD; unset means none"
    )
    rollout_price_table: Path | None = Field(
        None, description="A price table to use instead of the one that comes along; an absolute path"
    )

    whisper_engine: SpeechEngineName = Field(
        SpeechEngineName.FASTER_WHISPER, description="The speech engine: faster-whisper or openai-whisper (an extra)"
    )
    whisper_model: str = Field("base", min_length=1, description="Model name (tiny.en, base, …) or a path")
    whisper_model_dir: Path | None = Field(
        None, description="Where openai-whisper keeps its models, an absolute path; unset means ~/.cache/whisper"
    )
    whisper_task: Task = Field(Task.TRANSCRIBE, description="transcribe, or translate into English")
    whisper_language: str | None = Field(
        None, pattern="^[a-z]{2,3}$", description="Language of the speech, such as en; unset: the share's or detected"
    )
    whisper_device: str = Field("cpu", pattern="^(cpu|cuda|auto)$", description="cpu, cuda or auto")
    whisper_compute_type: str | None = Field(
        None,
        pattern="^(default|auto|int8|int8_float32|int8_float16|int8_bfloat16|int16|float16|bfloat16|float32)$",
        description="Such as int8 or float16; unset means int8, with openai-whisper float32 (on cuda float16)",
    )
    whisper_cpu_threads: int = Field(1, ge=1, le=256, description="CPU threads per run; runs share the cores")
    whisper_beam_size: int = Field(5, ge=1, le=20, description="Beam size; 1 is fastest")
    whisper_batch_size: int | None = Field(
        None, ge=1, le=64, description="Windows of a long sound heard at once (faster-whisper); unset: 1, on cuda 8"
    )
    whisper_concurrency: int | None = Field(
        None, ge=1, le=64, description="Sounds heard at a time within one run; unset: 4, with openai-whisper 1"
    )

    sensor_watch_seconds: float = Field(
        4, ge=0, le=30, description="How long one sensor tick watches for new shares; Dagster ticks every 5 s at most"
    )
    sensor_batch_size: int = Field(20, ge=1, le=1000, description="Most shares per run when there is a backlog")
    sensor_batches_per_tick: int = Field(4, ge=1, le=100, description="Full runs whose shares one look may launch")
    lease_seconds: float = Field(
        60, ge=6, le=3600, description="A share whose worker is silent this long is free again"
    )
    retry_max_attempts: int = Field(3, ge=1, description="Attempts before a share is parked as error")
    retry_base_seconds: float = Field(
        30, gt=0, le=86_400, description="Wait before the second attempt; doubles each time"
    )
    retry_max_seconds: float = Field(3600, gt=0, le=2_592_000, description="Longest wait between attempts")

    alert_webhook_url: SecretStr | None = Field(
        None, description="http(s) URL that alerts are posted to as JSON; it may hold a token, so it is not shown"
    )
    alert_webhook_secret: SecretStr | None = Field(
        None, min_length=16, description="Signs what is posted (HMAC-SHA256); at least 16 characters"
    )
    cloudwatch_namespace: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9_.#:/-]{1,255}$",
        description="Namespace for metrics in CloudWatch; unset means none are sent",
    )

    catalog_url: str | None = Field(
        None, description="SQLAlchemy URL of the catalog; unset means catalog.db in DAGSTER_HOME (or ./dagster_home)"
    )
    dagster_home: Path | None = Field(None, description="Dagster's home directory; an absolute path")

    @field_validator("site_concurrency", "site_fetches_per_minute", mode="before")
    @classmethod
    def _by_site(cls, value: object) -> object:
        return parse_by_site(value) if isinstance(value, str) else value

    @field_validator("ytdlp_allowed_extractors", mode="before")
    @classmethod
    def _split_names(cls, value: object) -> object:
        return tuple(name.strip() for name in value.split(",") if name.strip()) if isinstance(value, str) else value

    @field_validator("ytdlp_allowed_extractors")
    @classmethod
    def _are_patterns(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            try:
                re.compile(name)
            except re.error as error:
                raise ValueError(f"expected names or regular expressions, but {name!r} is none: {error}") from None
        return names

    @field_validator("ytdlp_cookies", mode="before")
    @classmethod
    def _split_cookies(cls, value: object) -> object:
        return cookies_files(value) if isinstance(value, str) else value

    @field_validator("ytdlp_proxy")
    @classmethod
    def _is_proxy(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            UpstreamProxy.parse(value.get_secret_value())
        return value

    @field_validator("rollout_stages", mode="before")
    @classmethod
    def _split_stages(cls, value: object) -> object:
        return tuple(Stage.parse(name) for name in value.split(",")) if isinstance(value, str) else value

    @field_validator("rollout_stages")
    @classmethod
    def _stages_rise(cls, stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
        check_stages(stages)
        return stages

    @field_validator("alert_webhook_url")
    @classmethod
    def _is_webhook(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and _host_of(value.get_secret_value()) is None:
            raise ValueError("expected an http(s) URL, such as https://hooks.example.com/bookmarkai")
        return value

    @field_validator("cloudwatch_namespace")
    @classmethod
    def _is_not_reserved(cls, value: str | None) -> str | None:
        if value is not None and value.startswith("AWS/"):
            raise ValueError("expected a namespace of your own, such as BookmarkAI/Media: AWS/ is reserved")
        return value

    @field_validator("egress_allowed_hosts", mode="before")
    @classmethod
    def _split_hosts(cls, value: object) -> object:
        if isinstance(value, str):
            return frozenset(HostPort.parse(pair) for pair in value.split(",") if pair.strip())
        return value

    @field_validator("s3_video_prefix")
    @classmethod
    def _is_prefix(cls, value: str) -> str:
        if re.fullmatch(r"(?:[A-Za-z0-9_][A-Za-z0-9._-]*/)+", value) is None:
            raise ValueError(
                "expected a relative prefix of letters, digits, . _ - that ends in /, such as temp/videos/"
            )
        return value

    @field_validator("s3_endpoint")
    @classmethod
    def _is_endpoint(cls, value: str | None) -> str | None:
        if value is None:
            return None
        if "@" in value or _host_of(value) is None:
            raise ValueError("expected an http(s) URL without a user name, such as https://s3.example.com")
        return value

    @field_validator("catalog_url")
    @classmethod
    def _is_catalog(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("sqlite:///", "postgresql+psycopg2://", "postgresql://")):
            raise ValueError(
                "expected sqlite:////absolute/path.db or postgresql+psycopg2://user:password@host/database"
            )
        return value

    @field_validator("ytdlp_download_dir", "dagster_home", "rollout_price_table", "whisper_model_dir")
    @classmethod
    def _is_absolute(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_absolute():
            raise ValueError("expected an absolute path")
        return value

    @model_validator(mode="wrap")
    @classmethod
    def _all_problems_at_once(cls, data: dict[str, Any], handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Report what does not fit together beside what is wrong alone: pydantic would stop at the latter."""
        together = [
            InitErrorDetails(
                type=PydanticCustomError("together", "{message}", {"message": message}),
                loc=(name,),
                input=data.get(name),
            )
            for name, message in _problems_together(data)
        ]
        try:
            settings = handler(data)
        except ValidationError as error:
            alone = [
                InitErrorDetails(
                    type=PydanticCustomError("alone", "{message}", {"message": problem["msg"]}),
                    loc=problem["loc"],
                    input=problem["input"],
                )
                for problem in error.errors()
            ]
            raise ValidationError.from_exception_data(cls.__name__, alone + together) from None
        if together:
            raise ValidationError.from_exception_data(cls.__name__, together)
        return settings

    def resolved_catalog_url(self) -> str:
        """Give the catalog's URL: the setting, else the SQLite file in Dagster's home. Raises `ConfigurationError`."""
        if self.catalog_url:
            return self.catalog_url
        home = self.dagster_home or Path("dagster_home").absolute()
        if not home.is_dir():
            raise ConfigurationError(
                f"expected a catalog: CATALOG_URL is not set, and there is no directory {home}; set CATALOG_URL or "
                "DAGSTER_HOME, or start in the project's directory"
            )
        return f"sqlite:///{home / 'catalog.db'}"

    def shown(self) -> dict[str, str | None]:
        """Give every setting as an operator may see it: variable name to text, secrets masked."""
        values: dict[str, str | None] = {}
        for name in type(self).model_fields:
            values[name.upper()] = _shown_value(name.upper(), getattr(self, name))
        return values


def load_settings(*, env_file: Path | None = Path(".env"), **overrides: Any) -> Settings:  # noqa: ANN401 - any setting
    """Read and validate the environment. Raises `ConfigurationError` naming every bad variable at once."""
    try:
        return Settings(_env_file=env_file, **overrides)
    except ValidationError as error:
        lines = [_problem_line(problem) for problem in error.errors()]
        raise ConfigurationError("The settings are not usable:\n" + "\n".join(lines)) from None


def _host_of(url: str) -> str | None:
    """Give the host of an http(s) URL; None for what is none."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises for a port that is none
    except ValueError:
        return None
    return parts.hostname if parts.scheme in {"http", "https"} else None


def _problems_together(data: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Name the variables that contradict each other, from their raw values."""
    problems = []
    mode = str(data.get("storage_mode") or StorageMode.LOCAL)
    has_bucket = bool(data.get("s3_media_bucket"))
    if mode in {StorageMode.S3, StorageMode.HYBRID} and not has_bucket:
        problems.append(("s3_media_bucket", f"STORAGE_MODE={mode} needs it"))
    if has_bucket and not (data.get("aws_region") or data.get("s3_endpoint")):
        problems.append(("aws_region", "S3_MEDIA_BUCKET needs it (or S3_ENDPOINT, for another server than AWS)"))
    with suppress(TypeError, ValueError):  # told where each is validated by itself
        watch = float(data.get("sensor_watch_seconds", Settings.model_fields["sensor_watch_seconds"].default))
        lease = float(data.get("lease_seconds", Settings.model_fields["lease_seconds"].default))
        if lease < 2 * watch:
            problems.append(("lease_seconds", f"it must be at least twice SENSOR_WATCH_SECONDS, which is {watch:g}"))
    model = str(data.get("whisper_model") or Settings.model_fields["whisper_model"].default)
    if data.get("whisper_task") == Task.TRANSLATE and model.endswith(".en"):
        problems.append(
            ("whisper_task", f"WHISPER_MODEL={model} knows English only; it needs one without .en, such as base")
        )
    compute_type = data.get("whisper_compute_type")
    is_openai = data.get("whisper_engine") == SpeechEngineName.OPENAI_WHISPER
    if is_openai and compute_type not in {None, "", "default", "auto", "float16", "float32"}:
        problems.append(
            ("whisper_compute_type", "openai-whisper computes in float32, on cuda also in float16; leave it unset")
        )
    if is_openai and data.get("whisper_batch_size") not in {None, "", 1, "1"}:
        problems.append(("whisper_batch_size", "openai-whisper hears one window at a time; leave it unset"))
    for name, other in (("s3_access_key", "s3_secret_key"), ("s3_secret_key", "s3_access_key")):
        if data.get(other) and not data.get(name):
            problems.append((name, f"it goes together with {other.upper()}, which is set"))
    return problems


def _problem_line(problem: ErrorDetails) -> str:
    name = str(problem["loc"][0])
    message = problem["msg"].removeprefix("Value error, ")
    value = "is not set" if problem["input"] is None else f"= {_shown_value(name.upper(), problem['input'])}"
    return f"  {name.upper()} {value}: {message}. Meaning: {Settings.model_fields[name].description}."


def _shown_value(variable: str, value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if variable in _SECRETS:
        return MASK
    if variable in {"CATALOG_URL", "S3_ENDPOINT"}:
        return _without_password(str(value))
    if isinstance(value, frozenset):
        return ",".join(sorted(f"{v.host}:{v.port}" if isinstance(v, HostPort) else str(v) for v in value))
    if isinstance(value, Mapping):
        return ",".join(f"{name}={number:g}" for name, number in value.items())
    if isinstance(value, tuple):
        return ",".join(str(v).removesuffix("%") for v in value)
    return str(value)


def _without_password(url: str) -> str:
    """Mask what may be a secret in text that is meant as a URL, whether or not it is one.

    All between the scheme (and user name) and the last @ goes, and every value of a query.
    """
    head, at, tail = url.rpartition("@")
    if at:
        scheme, slashes, credentials = head.rpartition("://")
        user, colon, _ = credentials.partition(":")
        url = f"{scheme}{slashes}{f'{user}:{MASK}' if colon and slashes else MASK}@{tail}"
    address, question, query = url.partition("?")
    return address + question + re.sub(r"=[^&]*", f"={MASK}", query)
