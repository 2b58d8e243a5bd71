"""The command line: what each command prints, and the exit codes 0 (done), 1 (failed) and 2 (wrong use)."""

import io
import json
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import typer

from bookmarkai_assets.adapters.catalog import open_catalog
from bookmarkai_assets.cli.main import make_app
from bookmarkai_assets.core.outcomes import Failure, Outcome
from bookmarkai_assets.settings.settings import Settings
from tests.plugins.command_line import BookmarkAI
from tests.support.share_partitions import make_partitions

NOW = datetime(2026, 1, 1, tzinfo=UTC)
VIDEO = "https://www.tiktok.com/@user/video/7300000000000000001"


def test_adding_a_link_records_a_pending_share(bookmarkai: BookmarkAI) -> None:
    """A new link gets an id and the status pending, and its platform is derived from the link."""
    [added] = bookmarkai("shares", "add", VIDEO, "--json").json
    assert added["added"]
    assert added["new"]
    shown = bookmarkai("shares", "show", added["id"], "--json").json
    assert (shown["status"], shown["platform"], shown["attempts"]) == ("pending", "tiktok", 0)


def test_adding_a_link_twice_returns_the_first_share(bookmarkai: BookmarkAI) -> None:
    """The same user and link are one share, and another user's is another."""
    [first] = bookmarkai("shares", "add", VIDEO, "--json").json
    [again] = bookmarkai("shares", "add", VIDEO, "--json").json
    [other] = bookmarkai("shares", "add", VIDEO, "--user", str(uuid4()), "--json").json
    assert again["id"] == first["id"]
    assert not again["new"]
    assert other["id"] != first["id"]


@pytest.mark.parametrize(
    "link",
    [
        "hello",
        "file:///etc/passwd",
        "ftp://example.com/a.mp4",
        "javascript:alert(1)",
        "ytsearch:cats",
        "https://user:password@example.com/v",
        "http://127.0.0.1/v",
        "http://10.0.0.1/v",
        "http://2130706433/v",
        "http://[::ffff:169.254.169.254]/v",
        "https://example.com/\N{RIGHT-TO-LEFT OVERRIDE}4pm",
        "https://example.com/a b",
    ],
)
def test_a_bad_link_is_refused_with_a_reason(bookmarkai: BookmarkAI, link: str) -> None:
    """A bad link is exit code 1 with a reason that says what was expected, and nothing is recorded."""
    ended = bookmarkai("shares", "add", link)
    assert ended.code == 1
    assert "expected" in ended.err
    assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in ended.err
    assert bookmarkai("shares", "list", "--json").json == []


def test_a_refused_link_does_not_stop_the_others(bookmarkai: BookmarkAI) -> None:
    """The good links of one call are recorded, and the exit code says that not all were."""
    ended = bookmarkai("shares", "add", VIDEO, "file:///etc/passwd", "https://youtu.be/abc", "--json")
    assert ended.code == 1
    assert [result["added"] for result in ended.json] == [True, False, True]
    assert len(bookmarkai("shares", "list", "--json").json) == 2


def test_links_come_from_a_file(bookmarkai: BookmarkAI, tmp_path: Path) -> None:
    """A file has one link a line; blank lines and comments are skipped, odd bytes and megabytes of text refused."""
    file = tmp_path / "links.txt"
    file.write_bytes(
        b"# my links\n\n"
        + VIDEO.encode()
        + b"\r\nhttps://example.com/\xff\xfe\n"
        + b"x" * 5_000_000
        + b"\nhttps://a.example/\x00\n"
    )
    ended = bookmarkai("shares", "add", "--from-file", str(file), "--json")
    assert ended.code == 1
    assert [result["added"] for result in ended.json] == [True, True, False, False]
    assert "at most 2048 characters, found 5000000" in ended.json[2]["refused"]
    assert len(ended.out) < 20_000


@pytest.mark.parametrize("is_piped", [False, True], ids=["file", "standard input"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_links_come_from_a_file_of_any_system(
    bookmarkai: BookmarkAI, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, encoding: str, end: str, *, is_piped: bool
) -> None:
    """Marks, UTF-16 and each system's line ends are understood, in a file and in a pipe."""
    data = f"# mine{end}{VIDEO}{end}{end}https://example.com/b{end}".encode(encoding)
    file = tmp_path / "links.txt"
    file.write_bytes(data)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))
    ended = bookmarkai("shares", "add", "--from-file", "-" if is_piped else str(file), "--json")
    assert ended.code == 0, ended.err
    assert [result["url"] for result in ended.json] == [VIDEO, "https://example.com/b"]


@pytest.mark.parametrize("is_piped", [False, True], ids=["file", "standard input"])
def test_a_file_that_is_no_text_is_refused_whole(
    bookmarkai: BookmarkAI, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, is_piped: bool
) -> None:
    """A picture or an archive has no links, and nothing of it is printed."""
    data = b"\x89PNG\r\n\x1a\n" + VIDEO.encode() + bytes(range(256)) * 10
    file = tmp_path / "links.png"
    file.write_bytes(data)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))
    ended = bookmarkai("shares", "add", "--from-file", "-" if is_piped else str(file))
    assert ended.code == 2
    said = " ".join(ended.err.replace("│", " ").split())
    assert "expected text, found" in said
    assert "no list of links" in said
    assert "PNG" not in ended.err
    assert bookmarkai("shares", "list", "--json").json == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["shares", "add"],
        ["shares", "add", VIDEO, "--user", "me"],
        ["shares", "add", "--from-file", "/does/not/exist"],
        ["shares", "show", "not-a-uuid"],
        ["shares", "retry"],
        ["shares", "retry", "--failed", "6f1c0c8e-5d0f-4c53-9d2c-0a5b8f7e1d11"],
        ["shares", "list", "--status", "lost"],
        ["shares", "fly"],
        ["config", "--loud"],
    ],
)
def test_wrong_use_is_exit_code_2(bookmarkai: BookmarkAI, arguments: list[str]) -> None:
    """The message on standard error says what was expected."""
    ended = bookmarkai(*arguments)
    assert ended.code == 2
    assert ended.err
    assert not ended.out


def test_an_unknown_share_is_exit_code_1(bookmarkai: BookmarkAI) -> None:
    """A well-formed id that no share has is a failure with a message, not a traceback."""
    ended = bookmarkai("shares", "show", str(uuid4()))
    assert ended.code == 1
    assert "Traceback" not in ended.err
    assert "error:" in ended.err


def test_failed_shares_are_listed_and_retried(bookmarkai: BookmarkAI, sqlite_url: str) -> None:
    """A parked share shows its outcome, reason and next step, and is pending after a retry."""
    [added] = bookmarkai("shares", "add", VIDEO, "--json").json
    with open_catalog(sqlite_url) as catalog:
        catalog.work.park(added["id"], Failure(Outcome.GONE, "HTTP 404"), now=NOW)
    [listed] = bookmarkai("shares", "list", "--status", "error", "--json").json
    assert (listed["outcome"], listed["reason"]) == ("gone", "HTTP 404")
    assert listed["next_step"] == "The video no longer exists; nothing to do."
    assert bookmarkai("shares", "retry", "--failed", "--json").json == {
        "retried": [added["id"]],
        "unchanged": [],
        "reasons": {},
    }
    assert bookmarkai("shares", "show", added["id"], "--json").json["status"] == "pending"
    assert bookmarkai("shares", "list", "--status", "error", "--json").json == []


def test_what_is_retried_can_be_opened_as_partitions(
    bookmarkai: BookmarkAI, sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--partitions` prints them instead of a line for each. With --outcome, `shares list` is where they are."""
    share_id = bookmarkai("shares", "add", VIDEO, "--json").json[0]["id"]
    with open_catalog(sqlite_url) as catalog:
        catalog.work.park(share_id, Failure(Outcome.GONE, "HTTP 404"), now=NOW)
    make_partitions(tmp_path / "home", share_id)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))

    refused = bookmarkai("shares", "retry", "--outcome", "gone", "--partitions")
    assert (refused.code, "shares list --outcome" in refused.err) == (2, True)
    ended = bookmarkai("shares", "retry", share_id, "--partitions", "--json")
    assert (ended.code, ended.json["partitions"]) == (0, share_id)
    assert bookmarkai("shares", "show", share_id, "--json").json["status"] == "pending"


def test_retrying_nothing_is_said(bookmarkai: BookmarkAI) -> None:
    """Without a failed share the command succeeds and says so; an unknown id fails."""
    assert "No share is parked" in bookmarkai("shares", "retry", "--failed").out
    ended = bookmarkai("shares", "retry", str(uuid4()))
    assert ended.code == 1
    assert "left alone" in ended.err


def test_config_shows_the_settings_without_their_secrets(
    bookmarkai: BookmarkAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every variable is listed with its effective value, and secrets are masked."""
    monkeypatch.setenv("S3_ACCESS_KEY", "visible-key")
    monkeypatch.setenv("S3_SECRET_KEY", "visible-secret")
    shown = bookmarkai("config", "--json").json
    assert set(shown) == {name.upper() for name in Settings.model_fields}
    assert shown["STORAGE_MODE"] == "local"
    table = bookmarkai("config").out
    assert "visible" not in json.dumps(shown) + table
    assert "S3_SPLIT_PERCENTAGE" in table


def test_bad_settings_stop_every_command_with_one_message(
    bookmarkai: BookmarkAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message names each bad variable, without a traceback."""
    monkeypatch.setenv("STORAGE_MODE", "cloud")
    monkeypatch.setenv("S3_SPLIT_PERCENTAGE", "200")
    for command in (["config"], ["shares", "list"], ["shares", "add", VIDEO]):
        ended = bookmarkai(*command)
        assert ended.code == 1
        assert "STORAGE_MODE = cloud" in ended.err
        assert "S3_SPLIT_PERCENTAGE = 200" in ended.err
        assert "Traceback" not in ended.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["shares", "add"],
        ["shares", "list"],
        ["shares", "show"],
        ["shares", "retry"],
        ["config"],
        ["catalog", "upgrade"],
        ["catalog", "status"],
        ["demo"],
    ],
)
def test_every_command_has_help_with_an_example(bookmarkai: BookmarkAI, arguments: list[str]) -> None:
    """--help exits with 0 and shows how the command is called."""
    ended = bookmarkai(*arguments, "--help")
    assert ended.code == 0
    assert f"bookmarkai {' '.join(arguments)}" in ended.out.split("Example:")[1]


def names_in(command: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Return the paths of a command and of every command below it."""
    inner = getattr(command, "commands", {})
    return [path] + [found for name in inner for found in names_in(inner[name], (*path, name))]


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("command", names_in(typer.main.get_command(make_app())), ids=" ".join)
def test_help_is_folded_by_the_terminals_width_alone(
    bookmarkai: BookmarkAI, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], width: int
) -> None:
    """A line ends where the next word has no room, or with its paragraph; an example to copy is one line."""
    monkeypatch.setenv("COLUMNS", str(width))
    ended = bookmarkai(*command, "--help")
    prose = ended.out.partition("Usage:")[2].partition("\n")[2].partition("╭")[0]
    lines = [line.strip() for line in prose.splitlines()]
    assert any(lines), "there is no help"
    for line, following in pairwise(lines):
        if line and following:
            assert len(f"{line} {following.split()[0]}") > width - 2, f"{line!r} ends before its time"
            assert not line.startswith("Example:")


def test_in_a_pipe_a_record_is_a_line(bookmarkai: BookmarkAI, monkeypatch: pytest.MonkeyPatch) -> None:
    """However narrow the terminal is, a record has tabs between its cells, every cell whole and no colour."""
    monkeypatch.setenv("COLUMNS", "40")
    link = f"https://example.com/{'v' * 300}"
    added = bookmarkai("shares", "add", link).out
    assert added.count("\n") == 1
    assert link in added
    [share] = bookmarkai("shares", "list", "--json").json

    header, row = bookmarkai("shares", "list").out.splitlines()
    assert header.split("\t") == ["id", "status", "outcome", "url", "title", "page"]
    assert row.split("\t") == [share["id"], "pending", "", link, "", share["page"]]
    shown = dict(line.split("\t") for line in bookmarkai("shares", "show", share["id"]).out.splitlines())
    assert shown["url"] == link
    settings = bookmarkai("config").out.splitlines()
    assert len(settings) == 1 + len(Settings.model_fields)
    assert {len(line.split("\t")) for line in settings} == {3}


def test_the_catalog_is_upgraded(bookmarkai: BookmarkAI, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The command creates the tables where there are none, and does nothing the second time."""
    monkeypatch.setenv("CATALOG_URL", f"sqlite:///{tmp_path}/fresh.db")
    assert bookmarkai("catalog", "upgrade").code == 0
    assert bookmarkai("catalog", "upgrade").code == 0
    assert bookmarkai("shares", "list", "--json").json == []


def test_a_title_cannot_write_to_the_terminal(bookmarkai: BookmarkAI) -> None:
    """Markup and control characters in a link are shown, not interpreted."""
    [added] = bookmarkai("shares", "add", "https://example.com/[bold]x[/bold]?a=[red]", "--json").json
    assert "https://example.com/[bold]x[/bold]?a=[red]" in bookmarkai("shares", "show", added["id"]).out
