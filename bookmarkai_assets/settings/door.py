"""Settings for the HTTP door: where it listens, who may come in, and how much one caller may ask of it."""

import ipaddress
import re
from typing import Annotated
from uuid import UUID

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import NoDecode

from bookmarkai_assets.core.door.tokens import parse_lines
from bookmarkai_assets.core.shares.share import LOCAL_USER
from bookmarkai_assets.settings.types import AbsolutePath, SettingsPart, address_of_pages

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})

_HOST = re.compile(r"(\*\.)?[A-Za-z0-9_.:-]{1,253}")
_ORIGIN = re.compile(r"https?://[A-Za-z0-9_.-]{1,253}(:[0-9]{1,5})?")


class DoorSettings(SettingsPart):
    """The settings of `bookmarkai serve`."""

    door_host: str = Field(
        "127.0.0.1", description="Address that the HTTP door listens on; beyond loopback it needs a token"
    )
    door_port: int = Field(8080, ge=0, le=65535, description="Port that the HTTP door listens on; 0 takes a free one")
    door_url: str | None = Field(
        None,
        description="Address at which people open the HTTP door's pages, such as https://videos.example.com; every "
        "partition in Dagster's UI then links to its share's page. Unset means no links",
    )
    door_tokens: SecretStr | None = Field(
        None, description="Stored tokens of the HTTP door, as `bookmarkai token new` prints them, comma-separated"
    )
    door_tokens_file: AbsolutePath | None = Field(
        None, description="File of more stored tokens, one on each line; # begins a comment"
    )
    door_session_key: SecretStr | None = Field(
        None,
        min_length=32,
        description="Secret of at least 32 characters that signs the cookies of the pages' readers; unset "
        "makes one at each start, which signs everybody out",
    )
    door_user_id: str = Field(
        LOCAL_USER, description="User of shares that come in by the HTTP door when neither token nor request names one"
    )
    door_allowed_hosts: Annotated[frozenset[str], NoDecode] = Field(
        frozenset(),
        description="Host names by which the HTTP door may be called, besides loopback and DOOR_HOST",
    )
    door_cors_origins: Annotated[frozenset[str], NoDecode] = Field(
        frozenset(),
        description="Origins whose pages may call the HTTP door, such as https://app.example.com; comma-separated",
    )
    door_requests_per_minute: int = Field(
        600,
        ge=1,
        le=1_000_000,
        description="Requests that one caller may make in a minute; a tenth of it may fail to log in",
    )
    door_max_body_bytes: int = Field(
        1_000_000, ge=1000, le=100_000_000, description="Largest body of a request to the HTTP door, in bytes"
    )
    door_body_seconds: float = Field(
        10, gt=0, le=600, description="Longest time that the body of a request may take to arrive, in seconds"
    )
    door_concurrency: int = Field(
        32,
        ge=1,
        le=1000,
        description="Requests that the HTTP door works on at the same time; the others are told to come back",
    )

    @field_validator("door_url")
    @classmethod
    def _is_address(cls, value: str | None) -> str | None:
        return None if value is None else address_of_pages(value, example="https://videos.example.com")

    @field_validator("door_tokens")
    @classmethod
    def _are_tokens(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            parse_lines(value.get_secret_value().split(","))
        return value

    @field_validator("door_user_id")
    @classmethod
    def _is_user(cls, value: str) -> str:
        try:
            return str(UUID(value))
        except ValueError:
            raise ValueError("expected a user's id, which is a UUID") from None

    @field_validator("door_allowed_hosts", "door_cors_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return frozenset(filter(None, map(str.strip, value.split(",")))) if isinstance(value, str) else value

    @field_validator("door_allowed_hosts")
    @classmethod
    def _are_hosts(cls, value: frozenset[str]) -> frozenset[str]:
        if not all(_HOST.fullmatch(host) for host in value):
            raise ValueError("expected host names without a port, such as api.example.com or *.example.com")
        return frozenset(host.lower() for host in value)

    @field_validator("door_cors_origins")
    @classmethod
    def _are_origins(cls, value: frozenset[str]) -> frozenset[str]:
        if not all(_ORIGIN.fullmatch(origin) for origin in value):
            raise ValueError("expected origins such as https://app.example.com, without a path")
        return frozenset(origin.lower() for origin in value)

    @property
    def is_door_on_loopback(self) -> bool:
        """Whether only this machine can reach the HTTP door."""
        if self.door_host in LOOPBACK_NAMES:
            return True
        try:
            return ipaddress.ip_address(self.door_host).is_loopback
        except ValueError:
            return False
