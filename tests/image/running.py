"""Run the services of deploy/compose.yaml from the image: its commands, its variables, its secrets, its probes.

The servers beside them are those of the demo. Everything is in a network namespace of its own, from which nothing leads
outside, so that the ports are compose.yaml's and what works needs no internet.
"""

import os
import re
import socket
import struct
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy import create_engine, make_url, text
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from bookmarkai_assets.demo.cluster.postgres import PostgresServer
from bookmarkai_assets.demo.cluster.rabbitmq import RabbitMQServer, is_installed
from bookmarkai_assets.demo.samples import LONG_SAMPLE, SHORT_SAMPLES
from bookmarkai_assets.demo.seaweed import SeaweedServer
from bookmarkai_assets.demo.site import SampleSite
from tests.deploy.tools import DEPLOY, everything
from tests.image.container import UID, Container, Place
from tests.image.forwarder import Forwarder
from tests.support.served import serving

SECONDS = 300.0
"""How long anything may take before it counts as hanging."""

_POLL_SECONDS = 0.5
_STOP_SECONDS = 60
_SLOW_BYTES_PER_SECOND = 150_000
"""For each connection. The large video then takes half a minute."""

_LARGE_BYTES = 24_000_000
"""More than one part of a multipart upload."""

_GUIDES_WORDS = re.compile(r"(S3|storage)")
"""What BookmarkAI's guide looks for: docker logs … | grep -E "(S3|storage)"."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Servers:
    """What the services are given: addresses of their own network, and how slow the one to S3 is."""

    variables: Mapping[str, str]
    to_s3: Forwarder
    site: SampleSite
    large_video: str
    postgres: PostgresServer
    seaweed: SeaweedServer


@dataclass(frozen=True)
class Stack:
    """The services as containers, by their names in compose.yaml."""

    place: Place
    servers: Servers
    celery: bool

    def container(self, service: str, **variables: str) -> Container:
        """Return a service's container."""
        config = everything()["services"][service]
        command = [word.replace("$$", "$") for word in config["command"]]
        if service == "webserver-view":
            command[command.index("3000")] = "3001"
        environment = {name: str(value).replace("$$", "$") for name, value in config["environment"].items()}
        return Container(self.place, service, command, {**environment, **self.servers.variables, **variables})

    def tool(self, *command: str) -> Container:
        """Return a container that does one thing, in the environment of the code server."""
        name = re.sub(r"\W+", "-", " ".join(command))[:40]
        return replace(self.container("code-server"), command=command, name=f"tool-{name}")

    def probe(self, service: str) -> bool:
        """Ask whether a service is ready, with its own health check."""
        test = [word.replace("$$", "$") for word in everything()["services"][service]["healthcheck"]["test"][1:]]
        if service == "webserver-view":
            test += ["--port", "3001"]
        asking = self.container(service)
        return (
            replace(
                asking, command=test, name=f"probe-{service}", environment={**asking.environment, "HOSTNAME": service}
            ).run()
            == 0
        )

    def wait_until_ready(self, service: Container) -> float:
        """Wait until a service says that it is ready. Return the seconds since this was called."""
        start = time.monotonic()
        while not self.probe(service.name):
            if not service.is_running or time.monotonic() - start > SECONDS:
                raise SystemExit(f"{service.name} is not ready; the end of its log:\n{service.output()[-3000:]}")
        return time.monotonic() - start

    def count(self, query: str) -> int:
        """Return the one number that a query of the catalog answers with."""
        engine = create_engine(self.servers.postgres.url_of("bookmarkai"))
        with engine.connect() as connection:
            found = int(connection.execute(text(query)).scalar_one())
        engine.dispose()
        return found

    def wait_for(self, query: str, wanted: int, what: str) -> None:
        """Wait until a query of the catalog answers with a number."""
        deadline = time.monotonic() + SECONDS
        while self.count(query) != wanted:
            if time.monotonic() > deadline:
                raise SystemExit(f"expected {what} within {SECONDS:g} s; the logs are in {self.place.logs}")
            time.sleep(_POLL_SECONDS)

    def uploads_under_way(self) -> int:
        """Count the multipart uploads that S3 has begun and not ended."""
        from boto3.session import Session
        from botocore.config import Config

        seaweed = self.servers.seaweed
        client = Session().client(
            "s3",
            endpoint_url=seaweed.endpoint,
            aws_access_key_id=seaweed.access_key,
            aws_secret_access_key=seaweed.secret_key,
            region_name=seaweed.region,
            config=Config(s3={"addressing_style": "path"}),
        )
        return len(client.list_multipart_uploads(Bucket=seaweed.bucket).get("Uploads", []))


@contextmanager
def servers_for(directory: Path, secrets: Path, *, celery: bool) -> Iterator[Servers]:
    """Start PostgreSQL, S3, a site and perhaps RabbitMQ, and write the secrets that lead to them."""
    with ExitStack() as running:
        postgres = running.enter_context(PostgresServer())
        seaweed = running.enter_context(SeaweedServer(directory / "s3", bucket="bookmarkai-media"))
        site = running.enter_context(SampleSite())
        app = Starlette(routes=[Mount("/", StaticFiles(directory=_make_large_video(directory)))])
        large = running.enter_context(serving(app))
        database = running.enter_context(Forwarder(5432, lambda: _connect_to_socket(postgres)))
        to_s3 = running.enter_context(Forwarder(8333, lambda: socket.create_connection(_address_of(seaweed.endpoint))))
        broker = running.enter_context(RabbitMQServer(directory / "rabbitmq")).url if celery else "pyamqp://none//"
        user = make_url(postgres.url_of("dagster")).username
        contents = {
            "catalog_password": "any",
            "dagster_postgres_url": f"postgresql+psycopg2://{user}:any@127.0.0.1:5432/dagster",
            "celery_result_backend": f"db+postgresql+psycopg2://{user}:any@127.0.0.1:5432/dagster",
            "celery_broker_url": broker,
            "s3_access_key": seaweed.access_key,
            "s3_secret_key": seaweed.secret_key,
            "door_session_key": "x" * 40,
            "door_tokens": "operator:operate:*:" + "0" * 32 + ":" + "0" * 64,
        }
        for name, content in contents.items():
            (secrets / name).write_text(f"{content}\n", encoding="utf-8")
        variables = {
            "CATALOG_HOST": "127.0.0.1",
            "CATALOG_USER": str(user),
            "S3_ENDPOINT": "http://127.0.0.1:8333",
            "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:8333",
            "BOOKMARKAI_CODE_HOST": "127.0.0.1",
            "YTDLP_ALLOWED_EXTRACTORS": "generic",
            "EGRESS_ALLOWED_HOSTS": f"{site.host_and_port},{large.removeprefix('http://')}",
        }
        yield Servers(variables, to_s3, site, f"{large}/large.mp4", postgres, seaweed)
        database.bytes_per_second = None


def check_services(place: Place, directory: Path, say: Say, *, celery: bool) -> list[str]:
    """Bring the services up, share a link, stop the runs in the middle of an upload, and go on. Return the problems."""
    how = "with Celery" if celery else "without Celery"
    if celery and not is_installed():
        say("with Celery: skipped, because Debian's rabbitmq-server is not installed")
        return []
    yaml = DEPLOY / ("cluster" if celery else "image") / "dagster.yaml"
    place = replace(place, dagster_yaml=yaml, logs=directory / how.replace(" ", "-"))
    place.logs.mkdir(parents=True)
    problems: list[str] = []
    with ExitStack() as running:
        servers = running.enter_context(servers_for(place.logs, place.secrets, celery=celery))
        stack = Stack(place, servers, celery)
        _migrate(stack, say, how)
        _doctor(stack, say, how, problems)
        names = ["code-server", *(["worker"] if celery else []), "daemon", "webserver", "webserver-view", "door"]
        up: dict[str, Container] = {}
        for name in names:
            up[name] = running.enter_context(stack.container(name))
            say(f"{how}: {name} ready after {stack.wait_until_ready(up[name]):.1f} s")
        problems += _share(stack, say, how, up["worker" if celery else "code-server"])
        problems += _stop_in_an_upload(stack, say, how, up["worker" if celery else "code-server"])
        problems += _end(say, how, up)
    return problems


def _migrate(stack: Stack, say: Say, how: str) -> None:
    start = time.monotonic()
    migrating = stack.container("migrate")
    if migrating.run() != 0:
        raise SystemExit(f"the migrations failed:\n{migrating.output()[-3000:]}")
    say(f"{how}: migrations done after {time.monotonic() - start:.1f} s")


def _doctor(stack: Stack, say: Say, how: str, problems: list[str]) -> None:
    doctor = stack.tool("bookmarkai", "doctor")
    code = doctor.run()
    failed = [line.strip() for line in doctor.output().splitlines() if re.search(r"\bfail\b", line)]
    say(f"{how}: bookmarkai doctor ends with {code}{''.join(f'; {line}' for line in failed)}")
    # Before the daemon is up, doctor can only say that it is not.
    if any("daemon" not in line.lower() for line in failed):
        problems.append(f"{how}: doctor found: {failed}")


def _share(stack: Stack, say: Say, how: str, working: Container) -> list[str]:
    start = time.monotonic()
    link = f"{stack.servers.site.url}/videos/{LONG_SAMPLE.file}"
    adding = stack.tool("bookmarkai", "shares", "add", link)
    if adding.run() != 0:
        return [f"{how}: a link cannot be shared: {adding.output()}"]
    stack.wait_for("SELECT count(*) FROM shares WHERE status = 'done'", 1, "a share that is done")
    say(f"{how}: a share is done {time.monotonic() - start:.1f} s after the command began")
    lines = [line for line in working.output().splitlines() if _GUIDES_WORDS.search(line)]
    say(f'{how}: docker logs {working.name} | grep -E "(S3|storage)" finds {len(lines)} lines')
    for line in lines[:3]:
        say(f"    {line[:300]}")
    return [] if lines else [f"{how}: nothing in the log of {working.name} tells of S3 or storage"]


def _stop_in_an_upload(stack: Stack, say: Say, how: str, working: Container) -> list[str]:
    """Stop what has the run while bytes go to S3: leases are returned, nothing is left, and the share goes on."""
    problems = []
    stack.servers.to_s3.bytes_per_second = _SLOW_BYTES_PER_SECOND
    stack.tool("bookmarkai", "shares", "add", stack.servers.large_video).run()
    uploading = "SELECT count(*) FROM transfers_under_way WHERE operation = 'put'"
    stack.wait_for(f"SELECT CASE WHEN ({uploading}) > 0 THEN 1 ELSE 0 END", 1, "an upload")
    begun = stack.uploads_under_way()
    code = working.stop(seconds=SECONDS)
    # A claim's name has no hyphens. The sensor may claim the share again at once, since it is due.
    leases = stack.count("SELECT count(*) FROM leases WHERE expires_at > now() AND owner LIKE '%-%'")
    claims = stack.count("SELECT count(*) FROM leases WHERE expires_at > now() AND owner NOT LIKE '%-%'")
    left = stack.count("SELECT count(*) FROM transfers_under_way")
    parts = stack.uploads_under_way()
    say(
        f"{how}: SIGTERM in an upload ({begun} multipart): {working.name} ended with {code} after "
        f"{working.seconds_to_end:.1f} s; {leases} leases of runs, {left} transfers and {parts} multipart uploads are "
        f"left; {claims} claims for the next run"
    )
    if leases or left or parts:
        problems.append(f"{how}: a stop left {leases} leases, {left} transfers, {parts} multipart uploads")
    if working.seconds_to_end is None or working.seconds_to_end > _STOP_SECONDS:
        problems.append(f"{how}: expected {working.name} to end within {_STOP_SECONDS} s")
    stack.servers.to_s3.bytes_per_second = None
    start = time.monotonic()
    working.start()
    stack.wait_for("SELECT count(*) FROM shares WHERE status = 'done'", 2, "the share that was interrupted")
    say(f"{how}: the share is done {time.monotonic() - start:.1f} s after {working.name} started again")
    return problems


def _end(say: Say, how: str, up: Mapping[str, Container]) -> list[str]:
    problems = []
    for name, container in reversed(list(up.items())):
        grace = everything()["services"][name]["stop_grace_period"]
        code = container.stop(seconds=SECONDS)
        say(f"{how}: {name} ended with {code} after {container.seconds_to_end:.1f} s (grace {grace})")
        if container.seconds_to_end is None or container.seconds_to_end > 60:
            problems.append(f"{how}: {name} took {container.seconds_to_end} s to end with nothing to do")
    return problems


def _make_large_video(directory: Path) -> Path:
    """Write a video whose file is large and whose content is a sample: MP4 may have free space at its end."""
    place = directory / "site"
    place.mkdir()
    head = struct.pack(">I4s", _LARGE_BYTES, b"free")
    content = SHORT_SAMPLES[0].path.read_bytes() + head + os.urandom(_LARGE_BYTES - len(head))
    (place / "large.mp4").write_bytes(content)
    return place


def own(directory: Path) -> Path:
    """Make a directory that the image's user may write to."""
    directory.mkdir(parents=True, exist_ok=True)
    os.chown(directory, UID, UID)
    return directory


def _connect_to_socket(postgres: PostgresServer) -> socket.socket:
    url = make_url(postgres.url_of("dagster"))
    if url.host:
        return socket.create_connection((url.host, url.port or 5432))
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(f"{url.query['host']}/.s.PGSQL.{url.query.get('port', '5432')}")
    return connection


def _address_of(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    assert parts.hostname is not None
    return parts.hostname, parts.port or 80
