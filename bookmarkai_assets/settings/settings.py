"""Read the environment into typed, validated settings.

Only `cli` and `definitions` do this. Every other part gets what it needs as parameters. With bad variables nothing
starts, and one message names all of them.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from dotenv import dotenv_values
from pydantic import Field, ModelWrapValidatorHandler, SecretStr, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError
from pydantic_settings import BaseSettings, DotEnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict
from typing_extensions import override

from bookmarkai_assets.core.errors import ConfigurationError
from bookmarkai_assets.core.text_files import encoding_of
from bookmarkai_assets.settings.catalog import SQLITE, CatalogSettings, catalog_problems
from bookmarkai_assets.settings.cdn import CdnSettings, cdn_problems
from bookmarkai_assets.settings.cluster import ClusterSettings
from bookmarkai_assets.settings.door import DoorSettings
from bookmarkai_assets.settings.downloads import DownloadSettings
from bookmarkai_assets.settings.env_file import apply_env_file, differing, environment_of_dagster_dev
from bookmarkai_assets.settings.history import HistorySettings
from bookmarkai_assets.settings.intake import IntakeSettings, intake_problems
from bookmarkai_assets.settings.known_secrets import remember_secrets
from bookmarkai_assets.settings.logs import LogSettings
from bookmarkai_assets.settings.masking import shown_value
from bookmarkai_assets.settings.rollout import RolloutSettings
from bookmarkai_assets.settings.secret_files import (
    SUFFIX,
    SecretFiles,
    UnusableFile,
    export_secrets_of_others,
    is_secret,
    names_with_files,
)
from bookmarkai_assets.settings.speech import SpeechSettings, speech_problems
from bookmarkai_assets.settings.storage import StorageSettings, storage_problems
from bookmarkai_assets.settings.types import AbsolutePath, address_of_pages, host_of
from bookmarkai_assets.settings.upload_events import UploadEventSettings, upload_event_problems

_ENCODING_BYTES = 4096
"""How much of `.env` is read to know its encoding. Even, for the characters of UTF-16."""


# pydantic takes the fields of the last base first. `bookmarkai config` lists them in that order.
class Settings(
    LogSettings,
    CatalogSettings,
    DoorSettings,
    ClusterSettings,
    HistorySettings,
    IntakeSettings,
    SpeechSettings,
    RolloutSettings,
    DownloadSettings,
    CdnSettings,
    UploadEventSettings,
    StorageSettings,
    BaseSettings,
):
    """Every setting, named like its environment variable in lower case. Also read from `.env` in the current directory.

    Names without one of our prefixes are those that BookmarkAI's operators already know.
    """

    model_config = SettingsConfigDict(
        env_file=".env", extra="ignore", frozen=True, env_ignore_empty=True, allow_inf_nan=False
    )

    alert_webhook_url: SecretStr | None = Field(
        None, description="http(s) URL that alerts are posted to as JSON; never shown, since it may contain a token"
    )
    alert_webhook_secret: SecretStr | None = Field(
        None, min_length=16, description="Secret that signs the posted alerts (HMAC-SHA256); at least 16 characters"
    )
    cloudwatch_namespace: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9_.#:/-]{1,255}$",
        description="CloudWatch namespace for metrics; unset means none are sent",
    )

    dagster_home: AbsolutePath | None = Field(None, description="Dagster's home directory; an absolute path")
    dagster_ui_url: str | None = Field(
        None,
        description="Address of Dagster's UI with its path prefix, for links; unset means http://127.0.0.1:3000",
    )

    @field_validator("alert_webhook_url")
    @classmethod
    def _is_webhook(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and host_of(value.get_secret_value()) is None:
            raise ValueError("expected an http(s) URL, such as https://hooks.example.com/bookmarkai")
        return value

    @field_validator("cloudwatch_namespace")
    @classmethod
    def _is_not_reserved(cls, value: str | None) -> str | None:
        if value is not None and value.startswith("AWS/"):
            raise ValueError("expected a namespace of your own, such as BookmarkAI/Media: AWS/ is reserved")
        return value

    @field_validator("dagster_ui_url")
    @classmethod
    def _is_ui(cls, value: str | None) -> str | None:
        return None if value is None else address_of_pages(value, example="https://dagster.example.com/prefix")

    @classmethod
    @override
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read NAME_FILE as well. pydantic's own secrets are files of one directory that are named like settings."""
        in_file = dotenv_settings.env_vars if isinstance(dotenv_settings, DotEnvSettingsSource) else {}
        files = SecretFiles(settings_cls, exported=os.environ, env_file=in_file)
        return init_settings, files, env_settings, dotenv_settings

    @model_validator(mode="wrap")
    @classmethod
    def _all_problems_at_once(cls, data: dict[str, Any], handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Report contradictions beside values that are wrong by themselves. pydantic would stop after the latter."""
        unusable = {name: value for name, value in data.items() if isinstance(value, UnusableFile)}
        usable = {name: value for name, value in data.items() if name not in unusable}
        contradictions = [
            *(_problem(name, value.message, value.value) for name, value in unusable.items()),
            *(
                _problem(name, message, usable.get(name))
                for name, message in (
                    # With what is unusable, because it was set.
                    *storage_problems(data),
                    *cdn_problems(data),
                    *upload_event_problems(data),
                    *intake_problems(data),
                    *speech_problems(data),
                    *catalog_problems(usable),
                )
            ),
        ]
        try:
            settings = handler(usable)
        except ValidationError as error:
            bad_values = [
                InitErrorDetails(
                    type=PydanticCustomError("alone", "{message}", {"message": problem["msg"]}),
                    loc=problem["loc"],
                    input=problem["input"],
                )
                for problem in error.errors()
            ]
            raise ValidationError.from_exception_data(cls.__name__, bad_values + contradictions) from None
        if contradictions:
            raise ValidationError.from_exception_data(cls.__name__, contradictions)
        return settings

    def resolved_catalog_url(self) -> str:
        """Return the catalog's URL: the setting, else a SQLite file in Dagster's home. Raises `ConfigurationError`."""
        if self.catalog_url is not None:
            return self.catalog_url.get_secret_value()
        if self.catalog_url_by_parts is not None:
            return self.catalog_url_by_parts
        home = self.dagster_home or Path("dagster_home").absolute()
        if not home.is_dir():
            raise ConfigurationError(
                f"expected a catalog: CATALOG_URL is not set, and there is no directory {home}; set CATALOG_URL or "
                "DAGSTER_HOME, or start in the project's directory"
            )
        return f"sqlite:///{home / 'catalog.db'}"

    def kept_paths(self) -> dict[str, Path]:
        """Return where Dagster's records and the catalog are, by the names of their settings.

        A catalog that is not a file is left out, and so is one in Dagster's home.
        """
        kept = {"DAGSTER_HOME": self.dagster_home or Path("dagster_home").absolute()}
        url = self.catalog_url.get_secret_value() if self.catalog_url is not None else ""
        if url.startswith(SQLITE):
            kept["CATALOG_URL"] = Path(url.removeprefix(SQLITE).partition("?")[0]).absolute()
        return kept

    def shown(self) -> dict[str, str | None]:
        """Return every setting as an operator may see it, by variable name, with secrets masked."""
        values: dict[str, str | None] = {}
        for name, field in type(self).model_fields.items():
            values[name.upper()] = shown_value(name.upper(), getattr(self, name), is_secret=is_secret(field))
        return values


SETTINGS_NAMES = frozenset(name.upper() for name in Settings.model_fields) | frozenset(
    f"{name.upper()}{SUFFIX}" for name in names_with_files(Settings)
)
"""The variables that are settings of ours."""


def load_settings(*, env_file: Path | None = Path(".env"), **overrides: Any) -> Settings:  # noqa: ANN401 - any setting
    """Read and validate the environment. Raises `ConfigurationError`, which names every bad variable at once.

    What is exported counts, then `env_file`. Its variables that are no settings of ours are put into the environment.
    """
    encoding = _encoding_of_file(env_file)
    try:
        if env_file is not None:
            apply_env_file(
                _values_in(env_file, encoding), SETTINGS_NAMES, os.environ, exported=environment_of_dagster_dev()
            )
        problems = [
            f"  {name}: {message}."
            for name, message in export_secrets_of_others(os.environ)
            if name not in SETTINGS_NAMES  # whose own validation says the same
        ]
        settings = _validated(problems, _env_file=env_file, _env_file_encoding=encoding, **overrides)
    except UnicodeDecodeError:
        raise ConfigurationError(
            f"expected {env_file} to be text in UTF-8 or UTF-16, found other bytes; save it as UTF-8"
        ) from None  # the error holds the file's text
    remember_secrets(settings, os.environ)
    return settings


def overridden_names(env_file: Path = Path(".env")) -> list[str]:
    """Return the variables that are in `env_file` and exported with another value, sorted. What is exported counts."""
    return differing(_values_in(env_file, _encoding_of_file(env_file)), os.environ)


def _validated(problems: Sequence[str], **values: Any) -> Settings:  # noqa: ANN401 - as above
    try:
        settings = Settings(**values)
    except ValidationError as error:
        problems = [*problems, *(_problem_line(problem) for problem in error.errors())]
    else:
        if not problems:
            return settings
    raise ConfigurationError("The settings are not usable:\n" + "\n".join(problems))


def _values_in(env_file: Path, encoding: str | None) -> dict[str, str | None]:
    # A pipe can be read only once, by the settings.
    return dotenv_values(env_file, encoding=encoding or "utf-8") if env_file.is_file() else {}


def _encoding_of_file(file: Path | None) -> str | None:
    """Return a file's encoding. None if there is no such file, or a pipe, which can be read only once.

    Editors on Windows put a mark before the text, which would become part of the first setting's name.
    """
    if file is None or not file.is_file():
        return None
    with file.open("rb") as opened:
        return encoding_of(opened.read(_ENCODING_BYTES))


def _problem(name: str, message: str, value: object) -> InitErrorDetails:
    return InitErrorDetails(
        type=PydanticCustomError("together", "{message}", {"message": message}), loc=(name,), input=value
    )


def _problem_line(problem: ErrorDetails) -> str:
    name = str(problem["loc"][0])
    field = Settings.model_fields[name]
    message = problem["msg"].removeprefix("Value error, ")
    shown = shown_value(name.upper(), problem["input"], is_secret=is_secret(field))
    return (
        f"  {name.upper()} {'is not set' if shown is None else f'= {shown}'}: {message}. Meaning: {field.description}."
    )
