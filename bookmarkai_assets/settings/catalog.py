"""Settings for the catalog: its URL, or the parts of one, as a managed database's secret names them."""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from pydantic import Field, SecretStr, field_validator

from bookmarkai_assets.settings.types import AbsolutePath, Problem, SettingsPart

SQLITE = "sqlite:///"
_POSTGRES = "postgresql+psycopg2://"
_DEFAULT_PORT = 5432
_NEEDED = ("catalog_host", "catalog_name", "catalog_user")
_PARTS = ("catalog_host", "catalog_port", "catalog_name", "catalog_user", "catalog_password")


class SslMode(StrEnum):
    """The values of `CATALOG_SSLMODE`, which are libpq's."""

    DISABLE = "disable"
    ALLOW = "allow"
    PREFER = "prefer"
    REQUIRE = "require"
    VERIFY_CA = "verify-ca"
    VERIFY_FULL = "verify-full"


_SSL = ("catalog_sslmode", "catalog_sslrootcert")
_ASKS_NO_CA = frozenset({SslMode.DISABLE, SslMode.ALLOW, SslMode.PREFER})


class CatalogSettings(SettingsPart):
    """The settings of the database behind the pipeline."""

    catalog_url: SecretStr | None = Field(
        None,
        description="SQLAlchemy URL of the catalog; unset means CATALOG_HOST, and without that catalog.db in "
        "DAGSTER_HOME (or ./dagster_home)",
    )
    catalog_host: str | None = Field(
        None,
        pattern=r"^(/[^?#\s]*|[A-Za-z0-9_.:-]{1,253})$",
        description="Host of a PostgreSQL catalog, instead of CATALOG_URL; or the directory of its socket",
    )
    catalog_port: int | None = Field(
        None, ge=1, le=65535, description=f"Port that goes with CATALOG_HOST; unset means {_DEFAULT_PORT}"
    )
    catalog_name: str | None = Field(
        None, min_length=1, max_length=63, description="Name of the database that goes with CATALOG_HOST"
    )
    catalog_user: str | None = Field(
        None, min_length=1, max_length=63, description="User of the database that goes with CATALOG_HOST"
    )
    catalog_password: SecretStr | None = Field(
        None, description="Password that goes with CATALOG_USER, as it is: no character needs an escape"
    )
    catalog_sslmode: SslMode | None = Field(
        None,
        description="How the connection to CATALOG_HOST is encrypted and checked, by PostgreSQL's names; verify-full "
        "checks the server's name and certificate; unset means prefer",
    )
    catalog_sslrootcert: AbsolutePath | None = Field(
        None, description="File of the certificate authorities that CATALOG_SSLMODE=verify-full trusts"
    )

    @field_validator("catalog_url")
    @classmethod
    def _is_catalog(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith((SQLITE, _POSTGRES, "postgresql://")):
            raise ValueError(
                "expected sqlite:////absolute/path.db or postgresql+psycopg2://user:password@host/database"
            )
        return value

    @property
    def catalog_url_by_parts(self) -> str | None:
        """The URL that CATALOG_HOST and the settings beside it make, with its password. None without CATALOG_HOST."""
        if self.catalog_host is None:
            return None
        is_socket = self.catalog_host.startswith("/")
        host = f"[{self.catalog_host}]" if ":" in self.catalog_host else self.catalog_host
        password = self.catalog_password
        user = _quoted(self.catalog_user or "")
        if password is not None:
            user = f"{user}:{_quoted(password.get_secret_value())}"
        query = {
            "host": self.catalog_host if is_socket else None,
            "port": str(self.catalog_port) if is_socket and self.catalog_port else None,
            "sslmode": self.catalog_sslmode,
            "sslrootcert": self.catalog_sslrootcert,
        }
        given = urlencode({name: str(value) for name, value in query.items() if value is not None})
        place = "" if is_socket else f"{host}:{self.catalog_port or _DEFAULT_PORT}"
        return f"{_POSTGRES}{user}@{place}/{_quoted(self.catalog_name or '')}{f'?{given}' if given else ''}"


def catalog_problems(data: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield the catalog's settings that contradict each other, given their raw values."""
    given = {name: _plain(data[name]) for name in (*_PARTS, *_SSL) if data.get(name) not in {None, ""}}
    url = data.get("catalog_url")
    if url and given:
        said = _parts_of(_plain(url))
        for name, value in given.items():
            if said.get(name) != value:
                yield name, "CATALOG_URL does not say the same; set only CATALOG_URL, or only the parts"
        return
    for name in _NEEDED:
        if given and name not in given:
            yield name, f"needed by {', '.join(one.upper() for one in given)}"
    if "catalog_sslrootcert" in given and given.get("catalog_sslmode", SslMode.PREFER) in _ASKS_NO_CA:
        yield "catalog_sslrootcert", "nothing would check the server's certificate; set CATALOG_SSLMODE=verify-full"


def _parts_of(url: str) -> dict[str, str]:
    """Return what a URL says, by the names of the settings that say the same."""
    try:
        parts = urlsplit(url)
        query = dict(parse_qsl(parts.query))
        said = {
            "catalog_host": parts.hostname or query.get("host"),
            "catalog_port": str(parts.port or query.get("port") or _DEFAULT_PORT),
            "catalog_name": unquote(parts.path.removeprefix("/")),
            "catalog_user": unquote(parts.username or ""),
            "catalog_password": unquote(parts.password or ""),
            "catalog_sslmode": query.get("sslmode"),
            "catalog_sslrootcert": query.get("sslrootcert"),
        }
    except ValueError:  # no URL, which its own validation reports
        return {}
    return {name: value for name, value in said.items() if value}


def _plain(value: object) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


def _quoted(text: str) -> str:
    return quote(text, safe="")
