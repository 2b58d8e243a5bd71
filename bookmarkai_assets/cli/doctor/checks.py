"""Which checks `bookmarkai doctor` makes, in their order and under their names. Looking is behind `wiring`."""

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from shlex import quote

from bookmarkai_assets.core.errors import ConfigurationError
from bookmarkai_assets.core.health import CheckStatus, Finding
from bookmarkai_assets.core.rollout.policy import resolve_policy
from bookmarkai_assets.demo.samples import SHORT_SAMPLES
from bookmarkai_assets.operations.health.doctor import Check, Tell, look_once
from bookmarkai_assets.operations.health.speech_health import hear_sample
from bookmarkai_assets.operations.health.storage_health import storage_health
from bookmarkai_assets.operations.rollout.current_policy import read_effective_policy
from bookmarkai_assets.operations.storage.checking import Probing
from bookmarkai_assets.settings.settings import Settings
from bookmarkai_assets.wiring.catalog import open_catalog
from bookmarkai_assets.wiring.health import (
    look_at_catalog,
    look_at_cookies,
    look_at_dagster,
    look_at_downloads,
    look_at_impersonation,
    look_at_metric_sinks,
    look_at_proxy,
    look_at_tools,
    look_at_webhook,
)
from bookmarkai_assets.wiring.rules import make_rules
from bookmarkai_assets.wiring.speech import find_speech_model, make_speech_engine
from bookmarkai_assets.wiring.storage import make_inspectors, make_link_reader, make_stores

SAMPLE = SHORT_SAMPLES[0]

_SPEECH_SECONDS = 60.0
"""Loading a large model from a slow disk."""

_DOWNLOAD_SECONDS = 60.0

_OF_SETTINGS = (
    "cookies",
    "proxy",
    "impersonation",
    "speech model",
    "speech",
    "catalog",
    "rollout",
    "dagster home",
    "storage",
    "webhook",
    "cloudwatch",
)


def checks_of(settings: Settings | ConfigurationError) -> list[Check]:
    """Give all checks; under settings that are not usable, those that need none."""
    usable = settings if isinstance(settings, Settings) else None
    tools = look_at_tools(python="python", ytdlp="yt-dlp", ffmpeg="ffmpeg", today=datetime.now(UTC).date())
    downloads = look_at_downloads(
        usable,
        media="media reading",
        guard="egress guard",
        process="guarded download",
        sample=SAMPLE.path,
    )
    return [
        look_once("settings", lambda: _of_settings("settings", settings)),
        *(look_once(name, look) for name, look in tools.items()),
        *(look_once(name, look, limit_seconds=_DOWNLOAD_SECONDS) for name, look in downloads.items()),
        *(_checks_under(usable) if usable else (_untried(name) for name in _OF_SETTINGS)),
    ]


def _checks_under(settings: Settings) -> list[Check]:
    stores, probing = make_stores(settings), Probing(settings.s3_video_prefix, make_link_reader())
    return [
        _optional(
            "cookies",
            partial(look_at_cookies, settings, "cookies"),
            "YTDLP_COOKIES is not set: sites are opened without a login",
        ),
        _optional(
            "proxy",
            partial(look_at_proxy, settings, "proxy"),
            "YTDLP_PROXY is not set: downloads leave by this machine's own address",
        ),
        _optional(
            "impersonation",
            partial(look_at_impersonation, settings, "impersonation"),
            "YTDLP_IMPERSONATE is not set: yt-dlp looks like a browser where it knows that a site wants one",
        ),
        Check(("speech model", "speech"), partial(_look_at_speech, settings), _SPEECH_SECONDS),
        Check(("catalog", "rollout"), partial(_look_at_catalog, settings)),
        Check(_DAGSTER, partial(_look_at_dagster, settings)),
        *(storage_health(inspector, stores[inspector.backend], probing) for inspector in make_inspectors(settings)),
        *([] if settings.s3_media_bucket else [_absent("s3", "S3_MEDIA_BUCKET is not set: nothing goes to S3")]),
        _optional(
            "webhook",
            partial(look_at_webhook, settings, "webhook"),
            "ALERT_WEBHOOK_URL is not set: alerts go to the log alone",
        ),
        _optional(
            "cloudwatch",
            partial(look_at_metric_sinks, settings, "cloudwatch"),
            "CLOUDWATCH_NAMESPACE is not set: no metrics are sent",
        ),
    ]


def _of_settings(name: str, settings: Settings | ConfigurationError) -> Finding:
    if isinstance(settings, ConfigurationError):
        heading, *problems = (line.strip() for line in str(settings).splitlines())
        return Finding(
            name, CheckStatus.FAIL, f"{heading} {' '.join(problems)}", "correct these variables", "bookmarkai config"
        )
    return Finding(name, CheckStatus.PASS, f"valid; STORAGE_MODE={settings.storage_mode}")


def _look_at_speech(settings: Settings, tell: Tell) -> None:
    model = settings.whisper_model
    found = find_speech_model(settings)
    if found is None:
        tell(
            Finding(
                "speech model",
                CheckStatus.WARN,
                f"{settings.whisper_engine} {model} is not on this machine, neither in a package nor in the cache of "
                "what was downloaded: the first transcription downloads it",
                "download it now, or set WHISPER_MODEL to the path of a model",
                f"{quote(sys.executable)} -m bookmarkai_assets.cli models fetch {quote(model)}",
            )
        )
        tell(Finding("speech", CheckStatus.SKIP, "not tried, because the model is not here"))
        return
    tell(Finding("speech model", CheckStatus.PASS, f"{settings.whisper_engine} {model} in {found}"))
    # By its path, so that nothing can be downloaded.
    engine = make_speech_engine(settings, model=str(found))
    tell(hear_sample("speech", engine, SAMPLE.path, SAMPLE.text, language=settings.whisper_language))


def _look_at_catalog(settings: Settings, tell: Tell) -> None:
    found = look_at_catalog(settings, "catalog")
    tell(found)
    if found.status is CheckStatus.FAIL:
        return
    rules = make_rules(settings)
    effective = resolve_policy(rules.storage, None)
    if found.status is CheckStatus.PASS:
        with open_catalog(settings) as catalog:
            effective = read_effective_policy(catalog, rules)
    tell(Finding("rollout", CheckStatus.PASS, f"{effective.policy.effect}: {effective.why}"))


_DAGSTER = ("dagster home", "dagster config", "dagster daemon", "dagster sensors")


def _look_at_dagster(settings: Settings, tell: Tell) -> None:
    from bookmarkai_assets.definitions import build_defs  # noqa: PLC0415 - loads Dagster, which other commands need not

    definitions = build_defs(settings)
    wanted = [
        one.name
        for one in (*(definitions.sensors or ()), *(definitions.schedules or ()))
        if one.default_status.value == "RUNNING"
    ]
    home = settings.dagster_home or Path("dagster_home").absolute()
    look_at_dagster(home, wanted, _DAGSTER, tell=tell)


def _optional(name: str, look: Callable[[], Finding | None], unset: str) -> Check:
    return look_once(name, lambda: look() or Finding(name, CheckStatus.SKIP, unset))


def _absent(name: str, why_not: str) -> Check:
    return look_once(name, lambda: Finding(name, CheckStatus.SKIP, why_not))


def _untried(name: str) -> Check:
    return _absent(name, "not tried, because the settings are not usable")
