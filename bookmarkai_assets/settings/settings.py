"""Read the environment into typed, validated settings.

Only `cli` and `definitions` do this. Every other part gets what it needs as parameters. With bad variables nothing
starts, and one message names all of them.
"""

import os
from pathlib import Path
from typing import Any, Self

from dotenv import dotenv_values
from pydantic import Field, ModelWrapValidatorHandler, SecretStr, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict

from bookmarkai_assets.core.errors import ConfigurationError
from bookmarkai_assets.core.text_files import encoding_of
from bookmarkai_assets.settings.cluster import ClusterSettings
from bookmarkai_assets.settings.door import DoorSettings
from bookmarkai_assets.settings.downloads import DownloadSettings
from bookmarkai_assets.settings.env_file import apply_env_file, differing, environment_of_dagster_dev
from bookmarkai_assets.settings.history import HistorySettings
from bookmarkai_assets.settings.intake import IntakeSettings, intake_problems
from bookmarkai_assets.settings.masking import shown_value
from bookmarkai_assets.settings.rollout import RolloutSettings
from bookmarkai_assets.settings.speech import SpeechSettings, speech_problems
from bookmarkai_assets.settings.storage import StorageSettings, storage_problems
from bookmarkai_assets.settings.types import AbsolutePath, address_of_pages, host_of
from bookmarkai_assets.settings.upload_events import UploadEventSettings, upload_event_problems

_SQLITE = "sqlite:///"
_ENCODING_BYTES = 4096
"""How much of `.env` is read to know its encoding. Even, for the characters of UTF-16."""


# pydantic takes the fields of the last base first. `bookmarkai config` lists them in that order.
class Settings(
    DoorSettings,
    ClusterSettings,
    HistorySettings,
    IntakeSettings,
    SpeechSettings,
    RolloutSettings,
    DownloadSettings,
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

    catalog_url: str | None = Field(
        None, description="SQLAlchemy URL of the catalog; unset means catalog.db in DAGSTER_HOME (or ./dagster_home)"
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

    @field_validator("catalog_url")
    @classmethod
    def _is_catalog(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith((_SQLITE, "postgresql+psycopg2://", "postgresql://")):
            raise ValueError(
                "expected sqlite:////absolute/path.db or postgresql+psycopg2://user:password@host/database"
            )
        return value

    @model_validator(mode="wrap")
    @classmethod
    def _all_problems_at_once(cls, data: dict[str, Any], handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Report contradictions beside values that are wrong by themselves. pydantic would stop after the latter."""
        contradictions = [
            InitErrorDetails(
                type=PydanticCustomError("together", "{message}", {"message": message}),
                loc=(name,),
                input=data.get(name),
            )
            for name, message in (
                *storage_problems(data),
                *upload_event_problems(data),
                *intake_problems(data),
                *speech_problems(data),
            )
        ]
        try:
            settings = handler(data)
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
        if self.catalog_url:
            return self.catalog_url
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
        if self.catalog_url and self.catalog_url.startswith(_SQLITE):
            kept["CATALOG_URL"] = Path(self.catalog_url.removeprefix(_SQLITE).partition("?")[0]).absolute()
        return kept

    def shown(self) -> dict[str, str | None]:
        """Return every setting as an operator may see it, by variable name, with secrets masked."""
        values: dict[str, str | None] = {}
        for name in type(self).model_fields:
            values[name.upper()] = shown_value(name.upper(), getattr(self, name))
        return values


SETTINGS_NAMES = frozenset(name.upper() for name in Settings.model_fields)
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
        return Settings(_env_file=env_file, _env_file_encoding=encoding, **overrides)
    except ValidationError as error:
        lines = [_problem_line(problem) for problem in error.errors()]
        raise ConfigurationError("The settings are not usable:\n" + "\n".join(lines)) from None
    except UnicodeDecodeError:
        raise ConfigurationError(
            f"expected {env_file} to be text in UTF-8 or UTF-16, found other bytes; save it as UTF-8"
        ) from None  # the error holds the file's text


def overridden_names(env_file: Path = Path(".env")) -> list[str]:
    """Return the variables that are in `env_file` and exported with another value, sorted. What is exported counts."""
    return differing(_values_in(env_file, _encoding_of_file(env_file)), os.environ)


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


def _problem_line(problem: ErrorDetails) -> str:
    name = str(problem["loc"][0])
    message = problem["msg"].removeprefix("Value error, ")
    value = "is not set" if problem["input"] is None else f"= {shown_value(name.upper(), problem['input'])}"
    return f"  {name.upper()} {value}: {message}. Meaning: {Settings.model_fields[name].description}."
