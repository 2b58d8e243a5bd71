"""The setting for logs, which is also read by itself: a process sets up its log before it reads anything else."""

from contextlib import suppress
from enum import StrEnum

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from bookmarkai_assets.settings.types import SettingsPart


class LogFormat(StrEnum):
    """The values of `LOG_FORMAT`."""

    TEXT = "text"
    JSON = "json"


class LogSettings(SettingsPart):
    """The settings of the logs of every process."""

    log_format: LogFormat = Field(
        LogFormat.TEXT, description="Lines of the logs on standard error: text, or json with one object on each"
    )


class _OnlyLogs(LogSettings, BaseSettings):
    model_config = SettingsConfigDict(extra="ignore", env_ignore_empty=True, defer_build=False)


def read_log_format(env_file: str = ".env") -> LogFormat:
    """Return the format in the environment or in `env_file`; text if it is not usable, which the settings report."""
    with suppress(ValidationError, UnicodeDecodeError):
        return _OnlyLogs(_env_file=env_file).log_format
    return LogFormat.TEXT
