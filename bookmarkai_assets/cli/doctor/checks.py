"""The list of checks that `bookmarkai doctor` runs, in the order in which it shows them."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from shlex import quote

from typing_extensions import override

from bookmarkai_assets.cli.doctor.doctor_check import (
    DoctorCheck,
    NeedsSettings,
    OptionalCheck,
    SettingsCheck,
    UnconditionalCheck,
)
from bookmarkai_assets.core.downloads.walls import WallsPolicy
from bookmarkai_assets.core.errors import ConfigurationError
from bookmarkai_assets.core.health import CheckResult, CheckStatus
from bookmarkai_assets.core.media.placement import Backend
from bookmarkai_assets.core.rollout.policy import EffectivePolicy, resolve_policy
from bookmarkai_assets.demo.samples import SHORT_SAMPLES
from bookmarkai_assets.operations.health.doctor import Check, Report, make_check
from bookmarkai_assets.operations.health.speech_health import check_transcription
from bookmarkai_assets.operations.health.storage_health import make_storage_check
from bookmarkai_assets.operations.health.worker_health import check_workers
from bookmarkai_assets.operations.rollout.current_policy import read_effective_policy
from bookmarkai_assets.operations.shares.store_turns import PausedStore, read_paused_stores
from bookmarkai_assets.operations.storage.checking import Probing
from bookmarkai_assets.settings.settings import Settings, overridden_names
from bookmarkai_assets.wiring import health
from bookmarkai_assets.wiring.catalog import open_catalog
from bookmarkai_assets.wiring.rules import make_rules
from bookmarkai_assets.wiring.speech import find_speech_model, make_speech_engine
from bookmarkai_assets.wiring.storage import make_inspectors, make_link_reader, make_stores

SAMPLE = SHORT_SAMPLES[0]

_SPEECH_SECONDS = 60.0
"""Enough to load a large model from a slow disk."""

_DOWNLOAD_SECONDS = 60.0


def make_checks(settings: Settings | ConfigurationError) -> list[Check]:
    """Make all checks. If the settings are not usable, those that need them do nothing but say so."""
    return [check for entry in CHECKS for check in entry.prepare(settings)]


def _check_settings(settings: Settings | ConfigurationError) -> CheckResult:
    if isinstance(settings, ConfigurationError):
        heading, *problems = (line.strip() for line in str(settings).splitlines())
        return CheckResult(
            CheckStatus.FAIL, f"{heading} {' '.join(problems)}", "correct these variables", "bookmarkai config"
        )
    differing = overridden_names()
    if differing:
        return CheckResult(
            CheckStatus.WARN,
            f"valid; STORAGE_MODE={settings.storage_mode}; exported with another value than in .env: "
            f"{', '.join(differing)}",
            "what is exported counts; unset it, or change .env, so that other shells and services do the same",
        )
    return CheckResult(CheckStatus.PASS, f"valid; STORAGE_MODE={settings.storage_mode}")


def _check_guard(settings: Settings | ConfigurationError) -> CheckResult:
    return health.check_guard(settings.egress_allowed_hosts if isinstance(settings, Settings) else frozenset())


def _check_walls(settings: Settings | ConfigurationError) -> CheckResult:
    return health.check_walls(settings.download_walls if isinstance(settings, Settings) else WallsPolicy.BEST)


def _check_speech(settings: Settings, report: Report) -> None:
    model = settings.whisper_model
    found = find_speech_model(settings)
    if found is None:
        report(
            CheckResult(
                CheckStatus.WARN,
                f"{settings.whisper_engine} {model} is not on this machine, neither in a package nor in the cache of "
                "what was downloaded: the first transcription downloads it",
                "download it now, or set WHISPER_MODEL to the path of a model",
                f"{quote(sys.executable)} -m bookmarkai_assets.cli models fetch {quote(model)}",
            )
        )
        report(CheckResult(CheckStatus.SKIP, "not tried, because the model is not here"))
        return
    report(CheckResult(CheckStatus.PASS, f"{settings.whisper_engine} {model} in {found}"))
    # By its path, so that nothing can be downloaded.
    engine = make_speech_engine(settings, model=str(found))
    report(check_transcription(engine, SAMPLE.path, SAMPLE.text, language=settings.whisper_language))


def _check_catalog(settings: Settings, report: Report) -> None:
    result = health.check_catalog(settings)
    report(result)
    if result.status is CheckStatus.FAIL:
        return
    rules = make_rules(settings)
    if result.status is not CheckStatus.PASS:
        report(_describe_policy(resolve_policy(rules.storage, None), paused=()))
        report(CheckResult(CheckStatus.SKIP, "the catalog has no record of them yet"))
        return
    now = datetime.now(UTC)
    with open_catalog(settings) as catalog:
        report(_describe_policy(read_effective_policy(catalog, rules), read_paused_stores(catalog, now=now)))
        report(check_workers(catalog, rules, now=now))


def _describe_policy(effective: EffectivePolicy, paused: Sequence[PausedStore]) -> CheckResult:
    found = f"{effective.policy.effect}: {effective.why}"
    if not paused:
        return CheckResult(CheckStatus.PASS, found)
    return CheckResult(
        CheckStatus.WARN,
        f"{found}; {'; '.join(store.words for store in paused)}",
        "find out what is wrong with the store; it is tried again by itself",
        "bookmarkai storage check",
    )


def _check_dagster(settings: Settings, report: Report) -> None:
    from bookmarkai_assets.definitions import build_defs  # noqa: PLC0415 - loads Dagster, which other commands need not

    definitions = build_defs(settings)
    wanted = [
        one.name
        for one in (*(definitions.sensors or ()), *(definitions.schedules or ()))
        if one.default_status.value == "RUNNING"
    ]
    health.check_dagster(settings, wanted, report=report)


class _StorageChecks(NeedsSettings):
    """A check for each backend that is configured, whose names begin with the backend's, and a note for each other."""

    @property
    @override
    def untried_names(self) -> Sequence[str]:
        return ("storage",)

    @override
    def prepare_under(self, settings: Settings) -> Sequence[Check]:
        stores, probing = make_stores(settings), Probing(settings.s3_video_prefix, make_link_reader())
        inspectors = make_inspectors(settings)
        missing = [backend for backend in Backend if backend not in {inspector.backend for inspector in inspectors}]
        return [
            *(make_storage_check(inspector, stores[inspector.backend], probing) for inspector in inspectors),
            *(make_check(backend.value, partial(_skip_unconfigured, backend)) for backend in missing),
        ]


def _skip_unconfigured(backend: Backend) -> CheckResult:
    facts = backend.facts
    return CheckResult(CheckStatus.SKIP, f"{facts.location_setting} is not set: nothing goes to {facts.title}")


CHECKS: Sequence[DoctorCheck] = (
    UnconditionalCheck(name="settings", run=_check_settings),
    UnconditionalCheck(name="python", run=lambda _: health.check_python()),
    UnconditionalCheck(name="yt-dlp", run=lambda _: health.check_ytdlp()),
    UnconditionalCheck(name="ffmpeg", run=lambda _: health.check_ffmpeg()),
    UnconditionalCheck(
        name="media reading",
        run=lambda _: health.check_media_reading(SAMPLE.path),
        limit_seconds=_DOWNLOAD_SECONDS,
    ),
    UnconditionalCheck(name="egress guard", run=_check_guard, limit_seconds=_DOWNLOAD_SECONDS),
    UnconditionalCheck(
        name="guarded download",
        run=lambda _: health.check_guarded_download(),
        limit_seconds=_DOWNLOAD_SECONDS,
    ),
    UnconditionalCheck(name="walls", run=_check_walls, limit_seconds=_DOWNLOAD_SECONDS),
    OptionalCheck(
        name="cookies",
        run=health.check_cookies,
        not_configured="YTDLP_COOKIES is not set: sites are opened without a login",
    ),
    OptionalCheck(
        name="proxy",
        run=health.check_proxy,
        not_configured="YTDLP_PROXY is not set: downloads leave by this machine's own address",
    ),
    OptionalCheck(
        name="impersonation",
        run=health.check_impersonation,
        not_configured=(
            "YTDLP_IMPERSONATE is not set: yt-dlp looks like a browser where it knows that a site wants one"
        ),
    ),
    SettingsCheck(names=("speech model", "speech"), run=_check_speech, limit_seconds=_SPEECH_SECONDS),
    SettingsCheck(names=("catalog", "rollout", "workers"), run=_check_catalog),
    SettingsCheck(
        names=(
            "dagster home",
            "dagster config",
            "dagster daemon",
            "dagster sensors",
            "dagster runs",
            "dagster partitions",
        ),
        run=_check_dagster,
        is_skipped_as_one=True,
    ),
    _StorageChecks(),
    OptionalCheck(
        name="upload events",
        run=health.check_upload_queue,
        not_configured="UPLOAD_EVENTS_QUEUE_URL is not set: the bucket is asked for each upload",
    ),
    OptionalCheck(
        name="webhook",
        run=health.check_webhook,
        not_configured="ALERT_WEBHOOK_URL is not set: alerts go to the log alone",
    ),
    OptionalCheck(
        name="cloudwatch",
        run=health.check_cloudwatch,
        not_configured="CLOUDWATCH_NAMESPACE is not set: no metrics are sent",
    ),
)
