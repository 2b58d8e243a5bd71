"""The shipped Caddyfile in front of real webservers of Dagster: who gets in, and to what."""

import base64
import json
import os
import secrets
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bookmarkai_assets.demo.dagster_dev import free_port
from bookmarkai_assets.demo.programs import end_group
from tests.deploy.tools import DEPLOY, program
from tests.support.deadlines import HANG_SECONDS
from tests.support.processes import wait_until
from tests.support.served import serving

OPERATOR = ("operator", "a password of an operator")
VIEWER = ("viewer", "a password of a viewer")
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Protocol": "graphql-transport-ws",
}


@dataclass(frozen=True)
class Site:
    """A running Caddy: its ports, and the certificate that it trusts itself with."""

    port: int
    http_port: int
    health_port: int
    root: Path

    def get(
        self,
        path: str,
        login: tuple[str, str] | None = None,
        *,
        method: str = "GET",
        body: str | None = None,
        headers: Mapping[str, str] = {},
    ) -> tuple[int, Mapping[str, str], str]:
        """Ask for a path over TLS. Return status, headers in lower case, and the body."""
        context = ssl.create_default_context(cafile=str(self.root))
        connection = HTTPSConnection("localhost", self.port, timeout=HANG_SECONDS, context=context)
        try:
            connection.request(method, path, body, {**_authorization(login), **headers})
            answer = connection.getresponse()
            # A websocket has no end that one could read up to.
            text = "" if answer.status == 101 else answer.read().decode()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, text
        finally:
            connection.close()

    def has_certificate(self) -> bool:
        """Whether Caddy has made its certificate, which it does just after the start."""
        try:
            self.get("/metrics")
        except OSError:
            return False
        return True

    def graphql(self, prefix: str, query: str, login: tuple[str, str]) -> dict[str, object]:
        """Ask Dagster's GraphQL behind a prefix."""
        headers = {"Content-Type": "application/json"}
        status, _, text = self.get(
            f"{prefix}/graphql", login, method="POST", body=json.dumps({"query": query}), headers=headers
        )
        assert status == 200, text
        found: dict[str, object] = json.loads(text)["data"]
        return found

    def upgrade(self, path: str, login: tuple[str, str] | None) -> int:
        """Ask for a websocket, and return the status."""
        key = base64.b64encode(secrets.token_bytes(16)).decode()
        status, _, _ = self.get(path, login, headers={**UPGRADE, "Sec-WebSocket-Key": key})
        return status


@pytest.fixture(scope="module")
def webservers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Start Dagster's webserver twice, full and read-only, with the options of compose.yaml."""
    home = tmp_path_factory.mktemp("dagster_home")
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n", encoding="utf-8")
    ports = {"WEBSERVER": free_port(), "WEBSERVER_VIEW": free_port()}
    options = {"WEBSERVER": ["--path-prefix", "/dagster"], "WEBSERVER_VIEW": ["--read-only", "--path-prefix", "/view"]}
    with ExitStack() as running:
        for name, port in ports.items():
            command = ["-m", "dagster_webserver", "--empty-workspace", "--host", "127.0.0.1", "--port", str(port)]
            environment = {"PATH": os.environ["PATH"], "DAGSTER_HOME": str(home)}
            running.enter_context(
                _running([sys.executable, *command, *options[name]], environment, home / f"{name}.log")
            )
        for port in ports.values():
            wait_until(partial(_answers, port))
        yield {name: f"127.0.0.1:{port}" for name, port in ports.items()}


@pytest.fixture(scope="module")
def door() -> Iterator[str]:
    """Stand in for the door: it says what it was asked."""

    async def answer(request: Request) -> Response:
        return JSONResponse({"path": request.url.path, "host": request.headers["host"]})

    with serving(Starlette(routes=[Route("/{path:path}", answer)])) as address:
        yield address.removeprefix("http://")


@pytest.fixture(scope="module")
def users(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Write the files of users that deploy/up makes, with hashes of Caddy's own."""
    directory = tmp_path_factory.mktemp("users")
    hashes = {
        name: subprocess.run(
            # The least cost, because the login is the shipped one either way.
            [program("caddy"), "hash-password", "--bcrypt-cost", "4"],
            input=f"{password}\n",
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for name, password in (OPERATOR, VIEWER)
    }
    lines = [f"{name} {value}\n" for name, value in hashes.items()]
    (directory / "operators").write_text(lines[0], encoding="utf-8")
    (directory / "viewers").write_text("".join(lines), encoding="utf-8")
    return {"OPERATORS": str(directory / "operators"), "VIEWERS": str(directory / "viewers")}


@pytest.fixture(scope="module")
def site(
    webservers: dict[str, str], door: str, users: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """Start Caddy with passwords."""
    with caddy(tmp_path_factory.mktemp("caddy"), {**webservers, **users, "DOOR": door}) as running:
        yield running


@contextmanager
def caddy(directory: Path, environment: Mapping[str, str]) -> Iterator[Site]:
    """Run Caddy with the shipped file on loopback."""
    found = Site(free_port(), free_port(), free_port(), directory / "data/caddy/pki/authorities/local/root.crt")
    variables = {
        "LISTEN_ON": "127.0.0.1",
        "HTTP_PORT": str(found.http_port),
        "HTTPS_PORT": str(found.port),
        "HEALTH_PORT": str(found.health_port),
        "HOME": str(directory),
        "XDG_DATA_HOME": str(directory / "data"),
        "XDG_CONFIG_HOME": str(directory / "config"),
    }
    command = [program("caddy"), "run", "--config", str(DEPLOY / "Caddyfile"), "--adapter", "caddyfile"]
    with _running(command, {**variables, **environment}, directory / "caddy.log"):
        wait_until(found.has_certificate)
        yield found


@pytest.mark.parametrize("path", ["/dagster/", "/dagster/graphql", "/dagster/server_info", "/view/", "/view/graphql"])
def test_nobody_gets_in_without_a_login(site: Site, path: str) -> None:
    """Not to the pages, not to GraphQL, and not to what says nothing."""
    status, headers, _ = site.get(path)
    assert (status, headers["www-authenticate"]) == (401, 'Basic realm="BookmarkAI"')
    assert site.get(path, ("operator", "a wrong password"))[0] == 401
    assert site.get(path, method="POST", body="{}")[0] == 401


def test_an_operator_may_do_everything(site: Site) -> None:
    """The page is Dagster's, and runs may be started."""
    status, _, page = site.get("/dagster/", OPERATOR)
    assert (status, "Dagster" in page) == (200, True)
    assert _permissions(site, "/dagster", OPERATOR)["launch_pipeline_execution"] is True


def test_a_viewer_may_look(site: Site) -> None:
    """The read-only webserver turns every permission off, and the full one does not let a viewer in."""
    assert site.get("/view/", VIEWER)[0] == 200
    assert set(_permissions(site, "/view", VIEWER).values()) == {False}
    assert site.get("/dagster/", VIEWER)[0] == 401
    assert set(_permissions(site, "/view", OPERATOR).values()) == {False}


def test_websockets_pass_with_a_login(site: Site) -> None:
    """Dagster's UI listens to a run by one. Without a login there is none."""
    for prefix, login in (("/dagster", OPERATOR), ("/view", VIEWER)):
        assert site.upgrade(f"{prefix}/graphql", None) == 401
        assert site.upgrade(f"{prefix}/graphql", login) == 101


def test_other_sites_pages_change_nothing(site: Site) -> None:
    """A browser sends the login with their requests too, and says where they come from. Links are followed."""
    foreign = {"Sec-Fetch-Site": "cross-site", "Content-Type": "text/plain", "Sec-Fetch-Mode": "no-cors"}
    assert site.get("/dagster/graphql", OPERATOR, method="POST", body="{}", headers=foreign)[0] == 403
    assert site.get("/dagster/server_info", OPERATOR, headers=foreign)[0] == 403
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert site.get("/dagster/", OPERATOR, headers=link)[0] == 200


def test_everything_else_is_the_doors(site: Site) -> None:
    """Under the name by which it was called. Its metrics are for Prometheus alone."""
    status, headers, body = site.get("/api/v1/shares")
    assert (status, json.loads(body)["path"], "server" in headers) == (200, "/api/v1/shares", False)
    assert json.loads(body)["host"].partition(":")[0] == "localhost"
    assert json.loads(site.get("/graphql")[2])["path"] == "/graphql"
    assert site.get("/metrics")[0] == 404


def test_plain_http_leads_to_https(site: Site) -> None:
    """And to nothing else."""
    connection = HTTPConnection("127.0.0.1", site.http_port, timeout=HANG_SECONDS)
    connection.request("GET", "/dagster/graphql", headers={"Host": "localhost"})
    answer = connection.getresponse()
    assert (answer.status, answer.getheader("Location", "").startswith("https://localhost")) == (308, True)
    connection.close()


def test_single_sign_on_asks_about_every_request(webservers: dict[str, str], door: str, tmp_path: Path) -> None:
    """With LOGIN=oidc oauth2-proxy says who comes in, by group. Pages lead to signing in, programs are told 401."""

    async def auth(request: Request) -> Response:
        groups = {"operator": {"operators", "viewers"}, "viewer": {"viewers"}}.get(request.cookies.get("who", ""))
        if groups is None:
            return Response(status_code=401)
        return Response(status_code=202 if request.query_params["allowed_groups"] in groups else 403)

    async def start(request: Request) -> Response:
        return JSONResponse({"back_to": request.query_params["rd"]})

    routes = [Route("/oauth2/auth", auth), Route("/oauth2/start", start), Route("/ping", lambda _: Response())]
    with (
        serving(Starlette(routes=routes)) as proxy,
        caddy(
            tmp_path,
            {**webservers, "DOOR": door, "LOGIN": "oidc", "OAUTH2_PROXY": proxy.removeprefix("http://")},
        ) as site,
    ):
        page = {"Accept": "text/html"}
        status, headers, _ = site.get("/dagster/runs", headers=page)
        assert status == 302
        assert headers["location"].startswith("/oauth2/start?rd=https://localhost")
        assert site.get("/dagster/graphql", method="POST", body="{}")[0] == 401
        assert site.get("/dagster/", headers={"Cookie": "who=viewer"})[0] == 403
        assert site.get("/view/", headers={"Cookie": "who=viewer"})[0] == 200
        assert site.get("/dagster/", headers={"Cookie": "who=operator"})[0] == 200
        assert "back_to" in site.get("/oauth2/start?rd=/dagster/")[2]


def _permissions(site: Site, prefix: str, login: tuple[str, str]) -> dict[str, bool]:
    answered = site.graphql(prefix, "{ permissions { permission value } }", login)["permissions"]
    assert isinstance(answered, list)
    return {one["permission"]: one["value"] for one in answered}


def _authorization(login: tuple[str, str] | None) -> dict[str, str]:
    return {} if login is None else {"Authorization": f"Basic {base64.b64encode(':'.join(login).encode()).decode()}"}


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True


@contextmanager
def _running(command: list[str], environment: Mapping[str, str], log: Path) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        yield
    finally:
        end_group(process, seconds=10)
