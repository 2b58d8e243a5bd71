"""Turn the operator's settings into the rules that operations read."""

from datetime import timedelta

from bookmarkai_assets.core.downloads.ports import DownloadLimits
from bookmarkai_assets.core.failures.retries import RetryPolicy
from bookmarkai_assets.core.history import HistoryRules
from bookmarkai_assets.core.media.placement import StoragePolicy
from bookmarkai_assets.core.media.retention import RetentionPolicy
from bookmarkai_assets.core.rollout.gate_figures import GateLimits
from bookmarkai_assets.core.rollout.stages import RolloutPlan
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.core.sites.breaker import SiteRules, site_limits
from bookmarkai_assets.settings.settings import Settings
from bookmarkai_assets.settings.speech import SpeechEngineName

SECONDS_PER_HOUR = 3600
MAX_VERIFICATION_AGE = timedelta(days=8)
"""The weekly verification's period, and a day for it to run late."""

_SPEECH_CONCURRENCY = {SpeechEngineName.FASTER_WHISPER: 4, SpeechEngineName.OPENAI_WHISPER: 1}
"""faster-whisper decodes sounds together. openai-whisper takes them in turn, and more would only wait in memory."""

STAGING = ".staging"
"""Directory below the local media, so that putting a staged file is a rename within one file system."""


def make_rules(settings: Settings) -> PipelineRules:
    """Make the rules from the settings. Raises `ConfigurationError` for a price table that cannot be used."""
    from bookmarkai_assets.adapters.price_table import SHIPPED_PRICES, read_price_table  # noqa: PLC0415 - adapters load when used

    return PipelineRules(
        storage=StoragePolicy(settings.storage_mode, settings.s3_split_percentage),
        video_prefix=settings.s3_video_prefix,
        staging_dir=settings.ytdlp_download_dir / STAGING,
        limits=DownloadLimits(
            max_bytes=settings.download_max_bytes,
            max_duration_seconds=settings.download_max_duration_seconds,
            timeout_seconds=settings.download_timeout_seconds,
            max_memory_bytes=settings.download_max_memory_bytes,
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
        stores=SiteRules(
            max_refusals=1,
            pause_seconds=settings.store_pause_seconds,
            max_pause_seconds=settings.store_max_pause_seconds,
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
        history=HistoryRules(
            run_days=settings.dagster_retention_run_days or None,
            partition_days=settings.dagster_retention_partition_days or None,
            event_days=settings.storage_event_retention_days or None,
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
        worker_start_seconds=settings.worker_start_seconds,
        door_url=settings.door_url,
        upload_prefix=settings.s3_upload_prefix,
        batch_size=settings.sensor_batch_size,
        batches_per_tick=settings.sensor_batches_per_tick,
    )
