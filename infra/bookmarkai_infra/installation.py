"""The facts of one installation: account, region, image and what its owner brings along. None of them is a secret."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_ACCOUNT = re.compile(r"[0-9]{12}")
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]")
_COMMIT = re.compile(r"[0-9a-f]{7,40}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_HOST = re.compile(r"([a-z0-9-]+\.)+[a-z]{2,}")
_CERTIFICATE = re.compile(r"arn:aws:acm:[a-z0-9-]+:[0-9]{12}:certificate/[A-Za-z0-9-]+")
_PEM_START = "-----BEGIN PUBLIC KEY-----"


@dataclass(frozen=True)
class Login:
    """The OpenID provider before Dagster's UI. Its client secret is in Secrets Manager, under `secret_name`."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    user_info_endpoint: str
    client_id: str
    secret_name: str

    def __post_init__(self) -> None:
        for url in (self.issuer, self.authorization_endpoint, self.token_endpoint, self.user_info_endpoint):
            if not url.startswith("https://"):
                raise ValueError(f"expected https addresses of the OpenID provider, found {url}")


@dataclass(frozen=True)
class Entrance:
    """How people and programs come in: a host name for each part, one certificate for all, and a login for the UI."""

    certificate_arn: str
    door_host: str
    ui_host: str
    read_only_host: str
    login: Login

    def __post_init__(self) -> None:
        if not _CERTIFICATE.fullmatch(self.certificate_arn):
            raise ValueError(f"expected the ARN of an ACM certificate, found {self.certificate_arn}")
        hosts = (self.door_host, self.ui_host, self.read_only_host)
        if not all(_HOST.fullmatch(host) for host in hosts) or len(set(hosts)) != len(hosts):
            raise ValueError(f"expected three different host names, found {', '.join(hosts)}")

    @property
    def door_url(self) -> str:
        """The door's address, which is also the origin of its pages."""
        return f"https://{self.door_host}"


@dataclass(frozen=True)
class CdnHost:
    """The host name of signed links, and its certificate, which CloudFront reads in us-east-1 only."""

    host: str
    certificate_arn: str

    def __post_init__(self) -> None:
        if not _HOST.fullmatch(self.host):
            raise ValueError(f"expected the host name of signed links, found {self.host!r}")
        if not _CERTIFICATE.fullmatch(self.certificate_arn) or ":us-east-1:" not in self.certificate_arn:
            raise ValueError(f"expected an ACM certificate in us-east-1 for CloudFront, found {self.certificate_arn}")


@dataclass(frozen=True)
class Installation:
    """What `cdk.context.json` or `-c` say.

    `cdn_keys` are the public keys of signed URLs: one, or two in rotation. The migration's image may be ahead of the
    others'. `is_paused` has everything but running tasks, for the time before there is a schema.
    """

    account: str
    region: str
    image_tag: str
    alert_email: str
    cdn_keys: tuple[str, ...]
    entrance: Entrance | None = None
    cdn_host: CdnHost | None = None
    migration_tag: str | None = None
    is_paused: bool = False

    def __post_init__(self) -> None:
        if not _ACCOUNT.fullmatch(self.account):
            raise ValueError(f"expected an account of 12 digits, found {self.account!r}")
        if not _REGION.fullmatch(self.region):
            raise ValueError(f"expected a region such as us-east-1, found {self.region!r}")
        for tag in (self.image_tag, self.migration_tag):
            if tag is not None and not _COMMIT.fullmatch(tag):
                raise ValueError(f"expected an image's tag to be its commit, found {tag!r}; never latest")
        if not _EMAIL.fullmatch(self.alert_email):
            raise ValueError(f"expected the address that alarms are sent to, found {self.alert_email!r}")
        if not 1 <= len(self.cdn_keys) <= 2 or len(set(self.cdn_keys)) != len(self.cdn_keys):
            raise ValueError(f"expected one or two different public keys, found {len(self.cdn_keys)}")
        if not all(key.startswith(_PEM_START) for key in self.cdn_keys):
            raise ValueError(
                f"expected public keys that begin with {_PEM_START}; infra/README.md says how to make them"
            )


def read_installation(context: Mapping[str, object], keys: Path, stage: str) -> Installation:
    """Read an installation from the CDK's context, and its public keys from `{stage}-*.pem` in a folder.

    Raises `ValueError` with what is missing or wrong.
    """
    values = context.get(f"installation-{stage}")
    if not isinstance(values, Mapping):
        raise ValueError(
            f"expected installation-{stage} in cdk.context.json, found nothing; infra/README.md has an example"
        )
    facts = {name: str(value) for name, value in values.items() if name not in {"entrance", "cdn_host"}}
    unknown = facts.keys() - {"account", "region", "alert_email"}
    if unknown:
        raise ValueError(f"expected no other facts in installation-{stage}, found {', '.join(sorted(unknown))}")
    migration_tag = context.get("migration_tag")
    return Installation(
        account=facts.get("account", ""),
        region=facts.get("region", ""),
        image_tag=str(context.get("image_tag", "")),
        migration_tag=None if migration_tag is None else str(migration_tag),
        is_paused=context.get("paused") == "true",
        alert_email=facts.get("alert_email", ""),
        cdn_keys=tuple(file.read_text() for file in sorted(keys.glob(f"{stage}-*.pem"))),
        entrance=_read_entrance(values.get("entrance")),
        cdn_host=_read_cdn_host(values.get("cdn_host")),
    )


def _read_entrance(values: object) -> Entrance | None:
    if values is None:
        return None
    if not isinstance(values, Mapping) or not isinstance(values.get("login"), Mapping):
        raise ValueError("expected entrance to have hosts, a certificate and a login; infra/README.md has an example")
    try:
        return Entrance(**{**values, "login": Login(**values["login"])})
    except TypeError as error:
        raise ValueError(f"expected the entrance's facts as in infra/README.md, found: {error}") from None


def _read_cdn_host(values: object) -> CdnHost | None:
    if values is None:
        return None
    if not isinstance(values, Mapping) or values.keys() != {"host", "certificate_arn"}:
        raise ValueError("expected cdn_host to have a host and a certificate_arn, and nothing else")
    return CdnHost(**values)
