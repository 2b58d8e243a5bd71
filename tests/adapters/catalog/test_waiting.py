"""Waiting for a database server that is not up yet."""

import socket
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import make_url

from bookmarkai_assets.adapters.catalog.waiting import wait_for_database
from bookmarkai_assets.core.errors import ConfigurationError
from tests.plugins.command_line import BookmarkAI


def test_a_server_that_comes_up_is_waited_for(postgres_url: str, tmp_path: Path) -> None:
    """Its socket is not there at first. What was found is told once, and the wait ends when it answers."""
    url = make_url(postgres_url)
    directory = url.query["host"]
    assert isinstance(directory, str)
    socket_of_server = tmp_path / "s"
    told: list[str] = []
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            socket_of_server.symlink_to(directory)

    late = url.set(query={"host": str(socket_of_server)}).render_as_string(hide_password=False)
    wait_for_database(late, seconds=3600, on_wait=told.append, sleep=sleep)

    assert len(pauses) == 3
    assert [("No such file or directory" in one) for one in told] == [True]


def test_the_wait_is_bounded(bookmarkai: BookmarkAI, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says what was waited for, for how long and what was found, and shows no password."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        monkeypatch.setenv("CATALOG_URL", f"postgresql://me:hunter2@{place}/media")
        ended = bookmarkai("catalog", "upgrade", "--wait", "1.5")
    assert ended.code == 1
    assert ended.err.startswith("Waiting up to 1.5 s for the database: connection to server")
    assert f"{place}/media to take connections within 1.5 s, found: connection to server" in ended.err
    assert "Connection refused" in ended.err
    assert "hunter2" not in ended.err


def test_a_refusal_is_not_waited_for(postgres_url: str) -> None:
    """A database that does not exist, or a wrong password, is no better a minute later."""
    url = make_url(postgres_url).set(database="no_such_database").render_as_string(hide_password=False)
    wait_for_database(url, seconds=3600, sleep=lambda _: pytest.fail("it waited"))


@pytest.mark.parametrize("words", ["the database system is starting up", "sorry, too many clients already"])
def test_a_server_that_is_not_ready_yet_is_waited_for(words: str) -> None:
    """It answers already, and refuses everybody for the moment."""
    fields = b"SFATAL\0VFATAL\0C57P03\0M" + words.encode() + b"\0\0"
    pauses: list[float] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def refuse_all() -> None:
            with suppress(OSError):  # the test has closed it
                while True:
                    connection, _ = server.accept()
                    with connection:
                        connection.recv(1024)
                        connection.sendall(b"E" + (len(fields) + 4).to_bytes(4, "big") + fields)

        threading.Thread(target=refuse_all, daemon=True).start()
        url = f"postgresql://me@127.0.0.1:{server.getsockname()[1]}/media?sslmode=disable&gssencmode=disable"
        with pytest.raises(ConfigurationError, match=words):
            wait_for_database(url, seconds=1.2, sleep=pauses.append)
        server.shutdown(socket.SHUT_RDWR)
    assert pauses


def test_a_file_needs_no_server(tmp_path: Path) -> None:
    """SQLite is there at once, and the file is not made."""
    wait_for_database(f"sqlite:///{tmp_path}/catalog.db", seconds=0, sleep=lambda _: pytest.fail("it waited"))
    assert not list(tmp_path.iterdir())
