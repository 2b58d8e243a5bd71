"""From settings to parts: the one place where an adapter is chosen. Used by `resources` (Dagster) and `cli`.

The adapters' vendors are imported here, when a part is made, and not when this module is.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TypedDict

from bookmarkai_assets.adapters.price_table import SHIPPED_PRICES, read_price_table
from bookmarkai_assets.core.alert_ports import AlertReceiver, MetricSink
from bookmarkai_assets.core.charts import ChartPainter
from bookmarkai_assets.core.gate_figures import GateLimits
from bookmarkai_assets.core.health import Finding
from bookmarkai_assets.core.placement import Backend, StoragePolicy
from bookmarkai_assets.core.ports import (
    Catalog,
    Downloader,
    DownloadLimits,
    MediaStore,
    SpeechEngine,
    StoreInspector,
)
from bookmarkai_assets.core.retention import RetentionPolicy
from bookmarkai_assets.core.retries import RetryPolicy
from bookmarkai_assets.core.rollout import RolloutPlan
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.core.site_access import SiteAccess, UpstreamProxy
from bookmarkai_assets.core.sites import SiteRules, site_limits
from bookmarkai_assets.core.speech_models import SpeechModel
from bookmarkai_assets.operations.storage_checking import LinkReader
from bookmarkai_assets.settings import Settings, SpeechEngineName

SECONDS_PER_HOUR = 3600
MAX_VERIFICATION_AGE = timedelta(days=8)
"""The weekly verification's period and a day for it to run late."""

_DEFAULT_COMPUTE_TYPES = {SpeechEngineName.FASTER_WHISPER: "int8", SpeechEngineName.OPENAI_WHISPER: "default"}
"""What openai-whisper's default is depends on the machine."""

_SPEECH_CONCURRENCY = {SpeechEngineName.FASTER_WHISPER: 4, SpeechEngineName.OPENAI_WHISPER: 1}
"""faster-whisper decodes sounds together; openai-whisper takes them by turns, and more would only wait in memory."""

BATCH_SIZE_ON_CUDA = 8
"""faster-whisper's own default."""

STAGING = ".staging"
"""Below the local media, so that putting a staged file there is a rename within one file system."""


def make_rules(settings: Settings) -> PipelineRules:
    """Give the operator's decisions as the operations read them."""
    return PipelineRules(
        storage=StoragePolicy(settings.storage_mode, settings.s3_split_percentage),
        video_prefix=settings.s3_video_prefix,
        staging_dir=settings.ytdlp_download_dir / STAGING,
        limits=DownloadLimits(
            max_bytes=settings.download_max_bytes,
            max_duration_seconds=settings.download_max_duration_seconds,
            timeout_seconds=settings.download_timeout_seconds,
        ),
        patience_seconds=settings.download_patience_seconds,
        download_concurrency=settings.download_concurrency,
        speech_concurrency=settings.whisper_concurrency or _SPEECH_CONCURRENCY[settings.whisper_engine],
        sites=SiteRules(
            max_refusals=settings.site_max_refusals,
            pause_seconds=settings.site_pause_seconds,
            max_pause_seconds=settings.site_max_pause_seconds,
            limits=site_limits(settings.site_concurrency, settings.site_fetches_per_minute),
        ),
        min_free_bytes=settings.download_min_free_bytes,
        allowed_hosts=settings.egress_allowed_hosts,
        language=settings.whisper_language,
        retry=RetryPolicy(settings.retry_max_attempts, settings.retry_base_seconds, settings.retry_max_seconds),
        retention=RetentionPolicy(
            grace_seconds=settings.cleanup_grace_hours * SECONDS_PER_HOUR,
            local_days=settings.local_retention_days or settings.s3_expiry_days or None,
            s3_days=settings.s3_expiry_days or None,
        ),
        rollout=RolloutPlan(
            stages=settings.rollout_stages,
            min_stage_time=timedelta(hours=settings.rollout_min_stage_hours),
            control=settings.rollout_control,
            abort_to=settings.rollout_abort_to,
        ),
        gate=GateLimits(
            window=timedelta(hours=settings.rollout_window_hours),
            min_sample=settings.rollout_min_sample,
            max_failure_percent=settings.rollout_max_failure_percent,
            max_mean_upload_seconds=settings.rollout_max_upload_seconds,
            max_download_p95_seconds=settings.rollout_max_download_seconds,
            budget_usd=settings.rollout_budget_usd,
            max_verification_age=MAX_VERIFICATION_AGE,
        ),
        prices=read_price_table(settings.rollout_price_table or SHIPPED_PRICES),
        lease_seconds=settings.lease_seconds,
        watch_seconds=settings.sensor_watch_seconds,
        batch_size=settings.sensor_batch_size,
        batches_per_tick=settings.sensor_batches_per_tick,
    )


@contextmanager
def open_catalog(settings: Settings) -> Iterator[Catalog]:
    """Give the open catalog. Raises `ConfigurationError` when it cannot be reached or has another schema."""
    from bookmarkai_assets.adapters import catalog  # noqa: PLC0415 - SQLAlchemy takes 0.3 s to import

    with catalog.open_catalog(settings.resolved_catalog_url()) as opened:
        yield opened


def upgrade_catalog_schema(settings: Settings) -> None:
    """Bring the catalog's tables to this version's schema. Raises `ConfigurationError`."""
    from bookmarkai_assets.adapters.catalog import upgrade_catalog  # noqa: PLC0415 - as above

    upgrade_catalog(settings.resolved_catalog_url())


def make_stores(settings: Settings) -> dict[Backend, MediaStore]:
    """Give the local store, and the bucket's where one is configured, whatever today's storage mode is."""
    from bookmarkai_assets.adapters.local_store import LocalStore  # noqa: PLC0415 - adapters load when used
    from bookmarkai_assets.adapters.s3_store import S3Store  # noqa: PLC0415 - as above

    stores: dict[Backend, MediaStore] = {Backend.LOCAL: LocalStore(settings.ytdlp_download_dir)}
    if settings.s3_media_bucket:
        stores[Backend.S3] = S3Store(settings.s3_media_bucket, **_connection_of(settings))
    return stores


def make_inspectors(settings: Settings) -> list[StoreInspector]:
    """Give an inspector per configured backend, in the order of `make_stores`."""
    from bookmarkai_assets.adapters.local_inspector import LocalInspector  # noqa: PLC0415 - adapters load when used
    from bookmarkai_assets.adapters.s3_store.inspector import S3Inspector  # noqa: PLC0415 - as above

    inspectors: list[StoreInspector] = [
        LocalInspector(settings.ytdlp_download_dir, staging=settings.ytdlp_download_dir / STAGING)
    ]
    if settings.s3_media_bucket:
        inspectors.append(
            S3Inspector(
                settings.s3_media_bucket,
                video_prefix=settings.s3_video_prefix,
                expiry_days=settings.s3_expiry_days,
                **_connection_of(settings),
            )
        )
    return inspectors


def make_link_reader() -> LinkReader:
    """Give what follows a presigned link, as its receiver would."""
    from bookmarkai_assets.adapters.link_reader import read_link  # noqa: PLC0415 - adapters load when used

    return read_link


class _Connection(TypedDict):
    region: str | None
    endpoint: str | None
    access_key: str | None
    secret_key: str | None
    use_path_style: bool


def _connection_of(settings: Settings) -> _Connection:
    return _Connection(
        region=settings.aws_region,
        endpoint=settings.s3_endpoint,
        access_key=settings.s3_access_key.get_secret_value() if settings.s3_access_key else None,
        secret_key=settings.s3_secret_key.get_secret_value() if settings.s3_secret_key else None,
        use_path_style=settings.s3_use_path_style,
    )


def make_downloader(settings: Settings) -> Downloader:
    """Give the downloader. Raises `ConfigurationError` when it could not impersonate what it is to."""
    from bookmarkai_assets.adapters.downloader import YtDlpDownloader  # noqa: PLC0415 - adapters load when used
    from bookmarkai_assets.adapters.downloader.impersonation import check_target  # noqa: PLC0415 - as above

    if settings.ytdlp_impersonate is not None:
        check_target(settings.ytdlp_impersonate)
    return YtDlpDownloader(
        allowed_extractors=settings.ytdlp_allowed_extractors,
        allowed_hosts=settings.egress_allowed_hosts,
        access=SiteAccess(
            cookies=settings.ytdlp_cookies,
            proxy=_proxy_of(settings),
            impersonate=settings.ytdlp_impersonate,
            pause_seconds=settings.ytdlp_sleep_seconds,
        ),
    )


def look_at_cookies(settings: Settings, name: str) -> Finding | None:
    """Look at the cookies files, sending none; None where none is set."""
    from bookmarkai_assets.adapters.downloader import cookies  # noqa: PLC0415 - adapters load when used

    if not settings.ytdlp_cookies:
        return None
    return cookies.look_at_cookies(name, settings.ytdlp_cookies, now=datetime.now(UTC))


def look_at_proxy(settings: Settings, name: str) -> Finding | None:
    """Look for the proxy that downloads leave by; None where none is set."""
    from bookmarkai_assets.adapters.downloader import health  # noqa: PLC0415 - adapters load when used

    proxy = _proxy_of(settings)
    return health.look_at_proxy(name, proxy) if proxy else None


def look_at_impersonation(settings: Settings, name: str) -> Finding | None:
    """Look whether yt-dlp can impersonate what it is to; None where it is to be itself."""
    from bookmarkai_assets.adapters.downloader import health  # noqa: PLC0415 - adapters load when used

    target = settings.ytdlp_impersonate
    return health.look_at_impersonation(name, target) if target else None


def _proxy_of(settings: Settings) -> UpstreamProxy | None:
    url = settings.ytdlp_proxy
    return UpstreamProxy.parse(url.get_secret_value()) if url else None


def make_speech_engine(settings: Settings, *, model: str | None = None) -> SpeechEngine:
    """Give the speech engine that the settings name, with another model than theirs where one is given.

    Raises:
        ConfigurationError: openai-whisper is set and not installed, or cannot compute as it was set.
    """
    model = model or settings.whisper_model
    match settings.whisper_engine:
        case SpeechEngineName.FASTER_WHISPER:
            from bookmarkai_assets.adapters.speech import faster_whisper  # noqa: PLC0415 - adapters load when used

            return faster_whisper.FasterWhisperEngine(
                model=model,
                device=settings.whisper_device,
                compute_type=settings.whisper_compute_type or _DEFAULT_COMPUTE_TYPES[settings.whisper_engine],
                cpu_threads=settings.whisper_cpu_threads,
                beam_size=settings.whisper_beam_size,
                batch_size=_batch_size(settings),
                task=settings.whisper_task,
            )
        case SpeechEngineName.OPENAI_WHISPER:
            from bookmarkai_assets.adapters.speech import openai_whisper  # noqa: PLC0415 - adapters load when used

            return openai_whisper.OpenAIWhisperEngine(
                model=model,
                cache=_checkpoint_cache(settings),
                device=settings.whisper_device,
                compute_type=settings.whisper_compute_type,
                cpu_threads=settings.whisper_cpu_threads,
                beam_size=settings.whisper_beam_size,
                task=settings.whisper_task,
            )


def speech_code_version(settings: Settings) -> str:
    """Stand for what transcribes by these settings, for Dagster: without the weights, and alike on every machine.

    It changes with engine, its installed version, model, compute type, beam and task as they are set, and with what the
    engines are told beside that. Nothing is loaded: every process that reads the definitions asks for it.
    """
    from bookmarkai_assets.adapters.speech.setups import Manner, setup_of  # noqa: PLC0415 - adapters load when used

    compute_type = settings.whisper_compute_type or _DEFAULT_COMPUTE_TYPES[settings.whisper_engine]
    manner = Manner(settings.whisper_beam_size, compute_type, settings.whisper_task, batch_size=_batch_size(settings))
    return setup_of(settings.whisper_engine.value, settings.whisper_model, manner).fingerprint


def _batch_size(settings: Settings) -> int:
    is_on_cuda = settings.whisper_engine is SpeechEngineName.FASTER_WHISPER and settings.whisper_device == "cuda"
    return settings.whisper_batch_size or (BATCH_SIZE_ON_CUDA if is_on_cuda else 1)


def make_chart_painter() -> ChartPainter:
    """Give what draws the rollout's charts."""
    from bookmarkai_assets.adapters.charts import MatplotlibPainter  # noqa: PLC0415 - adapters load when used

    return MatplotlibPainter()


def make_alert_receivers(settings: Settings) -> list[AlertReceiver]:
    """Give whom alerts are told beside the log: the webhook, where one is set."""
    from bookmarkai_assets.adapters.webhook import WebhookReceiver  # noqa: PLC0415 - adapters load when used

    if settings.alert_webhook_url is None:
        return []
    secret = settings.alert_webhook_secret
    return [
        WebhookReceiver(
            settings.alert_webhook_url.get_secret_value(),
            secret.get_secret_value() if secret else None,
            clock=time.time,
        )
    ]


def make_metric_sinks(settings: Settings) -> list[MetricSink]:
    """Give where metrics are published: CloudWatch, where a namespace is set.

    The keys for S3 are AWS's, and so good for CloudWatch, unless they are for another server.
    """
    from bookmarkai_assets.adapters.cloudwatch import CloudWatchSink  # noqa: PLC0415 - adapters load when used

    if settings.cloudwatch_namespace is None:
        return []
    connection = _connection_of(settings)
    is_aws = connection["endpoint"] is None
    return [
        CloudWatchSink(
            settings.cloudwatch_namespace,
            region=connection["region"],
            access_key=connection["access_key"] if is_aws else None,
            secret_key=connection["secret_key"] if is_aws else None,
        )
    ]


def look_at_tools(*, python: str, ytdlp: str, ffmpeg: str, today: date) -> dict[str, Callable[[], Finding]]:
    """Give the looks at what is installed, by the names that their findings are to have."""
    from bookmarkai_assets.adapters import installation  # noqa: PLC0415 - adapters load when used

    return {
        python: lambda: installation.look_at_python(python, today=today),
        ytdlp: lambda: installation.look_at_ytdlp(ytdlp, today=today),
        ffmpeg: lambda: installation.look_at_ffmpeg(ffmpeg),
    }


def look_at_downloads(
    settings: Settings | None, *, media: str, guard: str, process: str, sample: Path
) -> dict[str, Callable[[], Finding]]:
    """Give the looks at the downloader's parts, by name; without usable settings, no host counts as opened."""
    from bookmarkai_assets.adapters.downloader import health  # noqa: PLC0415 - adapters load when used

    opened = settings.egress_allowed_hosts if settings else frozenset()
    return {
        media: lambda: health.look_at_media(media, sample),
        guard: lambda: health.look_at_guard(guard, opened=opened),
        process: lambda: health.look_at_download(process),
    }


def find_speech_model(settings: Settings) -> Path | None:
    """Find the speech model's directory or file; None where it would have to be downloaded.

    Raises:
        ConfigurationError: No such model, or openai-whisper is set and not installed.
    """
    from bookmarkai_assets.adapters.speech import checkpoints, models  # noqa: PLC0415 - adapters load when used

    match settings.whisper_engine:
        case SpeechEngineName.FASTER_WHISPER:
            return models.find_local_model(settings.whisper_model)
        case SpeechEngineName.OPENAI_WHISPER:
            checkpoints.require_package()
            return checkpoints.find_local_checkpoint(settings.whisper_model, _checkpoint_cache(settings))


def list_speech_models(settings: Settings) -> list[SpeechModel]:
    """List the models of the engine that is set, as far as they are here. Raises `ConfigurationError`."""
    from bookmarkai_assets.adapters.speech import checkpoints, models  # noqa: PLC0415 - adapters load when used

    match settings.whisper_engine:
        case SpeechEngineName.FASTER_WHISPER:
            return models.list_models(settings.whisper_model)
        case SpeechEngineName.OPENAI_WHISPER:
            return checkpoints.list_checkpoints(settings.whisper_model, _checkpoint_cache(settings))


def fetch_speech_model(settings: Settings, model: str) -> Path:
    """Have the engine's own loader download a model, if it is not here already. Raises `ConfigurationError`."""
    from bookmarkai_assets.adapters.speech import checkpoints, models  # noqa: PLC0415 - adapters load when used

    match settings.whisper_engine:
        case SpeechEngineName.FASTER_WHISPER:
            return models.find_model(model)
        case SpeechEngineName.OPENAI_WHISPER:
            return checkpoints.find_checkpoint(model, _checkpoint_cache(settings))


def _checkpoint_cache(settings: Settings) -> Path:
    from bookmarkai_assets.adapters.speech.checkpoints import DEFAULT_CACHE  # noqa: PLC0415 - adapters load when used

    return settings.whisper_model_dir or DEFAULT_CACHE


def look_at_catalog(settings: Settings, name: str) -> Finding:
    """Look at the catalog without upgrading it. Raises `ConfigurationError` when it cannot be reached or written."""
    from bookmarkai_assets.adapters.catalog.health import look_at_catalog as look  # noqa: PLC0415 - as `open_catalog`

    return look(name, settings.resolved_catalog_url())


def look_at_dagster(
    home: Path, wanted: Sequence[str], names: tuple[str, str, str, str], *, tell: Callable[[Finding], None]
) -> None:
    """Look at Dagster's home, as `adapters.dagster_home.look_at_home` says."""
    from bookmarkai_assets.adapters.dagster_home import look_at_home  # noqa: PLC0415 - adapters load when used

    look_at_home(names, home, wanted, tell=tell)


def share_partitions(settings: Settings) -> list[str] | None:
    """Read the shares that Dagster has a partition of, in its order; None where it has not run."""
    from bookmarkai_assets.adapters.dagster_home import partition_keys  # noqa: PLC0415 - as above
    from bookmarkai_assets.partitions import shares_partitions  # noqa: PLC0415 - loads Dagster

    home = settings.dagster_home or Path("dagster_home").absolute()
    return partition_keys(home, shares_partitions.name or "")


def look_at_webhook(settings: Settings, name: str) -> Finding | None:
    """Look at where alerts go, posting nothing; None where no webhook is set."""
    from bookmarkai_assets.adapters.webhook_health import look_at_webhook as look  # noqa: PLC0415 - as above

    if settings.alert_webhook_url is None:
        return None
    url = settings.alert_webhook_url.get_secret_value()
    return look(name, url, is_signed=settings.alert_webhook_secret is not None)


def look_at_metric_sinks(settings: Settings, name: str) -> Finding | None:
    """Look whether metrics could be published, publishing none; None where they are not to be."""
    from bookmarkai_assets.adapters.cloudwatch import look_at_publishing  # noqa: PLC0415 - adapters load when used

    if settings.cloudwatch_namespace is None:
        return None
    connection = _connection_of(settings)
    has_keys = connection["endpoint"] is None and connection["access_key"] is not None
    return look_at_publishing(name, settings.cloudwatch_namespace, region=connection["region"], has_keys=has_keys)
