"""Secrets from files: instead of a secret setting NAME, the variable NAME_FILE may name a file that has its value.

Docker, Kubernetes and systemd hand secrets over as files, which neither `docker inspect` nor a child's environment
shows. Here is the one way for all of them: those of our settings, and those that Dagster's own configuration and AWS's
libraries take from the environment (docs/adr/0042).
"""

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource
from typing_extensions import override

SUFFIX = "_FILE"

MAX_BYTES = 1_000_000
"""The largest file that is read as a secret. A longer one is a mistake, such as a device or a log."""

OTHERS = (
    "DAGSTER_POSTGRES_URL",
    "DAGSTER_POSTGRES_PASSWORD",
    "CELERY_BROKER_URL",
    "CELERY_RESULT_BACKEND",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
)
"""Secrets that others read from the environment: `dagster.yaml` by its `env:`, and AWS's libraries."""


@dataclass(frozen=True)
class UnusableFile:
    """Stands for the value of a setting whose file cannot be used. `value` is what was set beside the file."""

    message: str
    value: str | None = None


def is_secret(field: FieldInfo) -> bool:
    """Whether a setting is a secret."""
    return SecretStr in (field.annotation, *get_args(field.annotation))


def names_with_files(settings: type[BaseSettings]) -> tuple[str, ...]:
    """Return the secret settings that may be in a file, in lower case. One has a setting of that name of its own."""
    fields = settings.model_fields
    return tuple(name for name, field in fields.items() if is_secret(field) and f"{name}{SUFFIX.lower()}" not in fields)


def read_secret(file: str, variable: str) -> str:
    """Return a file's content without its last line break. Raises `ValueError`, which does not show the content."""
    path = Path(file)
    if not path.is_absolute():
        raise ValueError(f"expected {variable} to be an absolute path, found {file}")
    try:
        with path.open("rb") as opened:
            content = opened.read(MAX_BYTES + 1)
        text = content.decode("utf-8")
    except OSError as error:
        raise ValueError(f"expected {variable} to name a readable file, found for {file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(
            f"expected the file {file} that {variable} names to be text in UTF-8, found other bytes"
        ) from None  # the error holds the content
    if len(content) > MAX_BYTES:
        raise ValueError(f"expected the file {file} that {variable} names to have at most {MAX_BYTES:,} bytes")
    text = text.removesuffix("\n").removesuffix("\r")
    if not text.strip():
        raise ValueError(f"expected a secret in the file {file} that {variable} names, found it empty")
    return text


class SecretFiles(PydanticBaseSettingsSource):
    """The source of the settings whose values are in files. `exported` counts more than `env_file`, as everywhere.

    An empty variable counts as unset. An empty NAME_FILE that is exported hides one in `env_file`.
    """

    def __init__(
        self,
        settings: type[BaseSettings],
        *,
        exported: Mapping[str, str],
        env_file: Mapping[str, str | None],
    ) -> None:
        super().__init__(settings)
        self._variables = {
            **{name.upper(): value for name, value in env_file.items()},
            **{name.upper(): value for name, value in exported.items()},
        }
        self._beside = {
            **{name.upper(): value for name, value in env_file.items() if value},
            **{name.upper(): value for name, value in exported.items() if value},
        }

    @override
    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        return self._value(field_name), field_name, False

    @override
    def __call__(self) -> dict[str, Any]:
        found = {name: self._value(name) for name in names_with_files(self.settings_cls)}
        return {name: value for name, value in found.items() if value is not None}

    def _value(self, name: str) -> str | UnusableFile | None:
        variable = f"{name.upper()}{SUFFIX}"
        file = self._variables.get(variable)
        if not file:
            return None
        beside = self._beside.get(name.upper())
        if beside:
            return UnusableFile(_both_set(variable), beside)
        try:
            return read_secret(file, variable)
        except ValueError as error:
            return UnusableFile(str(error))


def export_secrets_of_others(environment: MutableMapping[str, str]) -> list[tuple[str, str]]:
    """Put the secrets that others read into an environment, from the files that it names. Return what is wrong.

    Each problem is a variable and a message. The variable NAME_FILE is then empty, so that a process below this one, or
    this one when it reads its settings again, does not find both.
    """
    problems = []
    for name in OTHERS:
        variable = f"{name}{SUFFIX}"
        file = environment.get(variable)
        if not file:
            continue
        if environment.get(name):
            problems.append((name, _both_set(variable)))
            continue
        try:
            environment[name] = read_secret(file, variable)
        except ValueError as error:
            problems.append((name, str(error)))
        else:
            environment[variable] = ""
    return problems


def _both_set(variable: str) -> str:
    return f"{variable} is set as well; unset one of the two"
