"""`bookmarkai transcripts show` and `export`: what they print, what they write, and what they refuse."""

import json
import stat
import unicodedata
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from bookmarkai_assets.adapters.catalog import OpenCatalog
from bookmarkai_assets.core.transcripts.transcript import Transcript
from tests.plugins.command_line import BookmarkAI
from tests.support.catalog import add_share, at, begin, execute, fail, put_transcript, store, stored_media
from tests.support.transcripts import hours_of_speech, segment, transcript

HELLO = transcript(segment(0.0, 1.5, " Hello <all>."), segment(65.0, 66.0, " Good\x1b[31m bye. 🍰"))
AS_SRT = (
    "1\n00:00:00,000 --> 00:00:01,500\nHello ‹all›.\n\n"  # noqa: RUF001 - what SRT cannot say, as look-alikes
    "2\n00:01:05,000 --> 00:01:06,000\nGood[31m bye. 🍰\n\n"
)


@pytest.fixture
def catalog(bookmarkai: BookmarkAI, sqlite_catalog: OpenCatalog) -> OpenCatalog:
    """Return the command's catalog, open."""
    assert bookmarkai is not None, "it has cleared the environment"
    return sqlite_catalog


def add_transcribed(catalog: OpenCatalog, spoken: Transcript) -> str:
    """Add a share with this transcript, and return its id."""
    share_id = add_share(catalog)
    put_transcript(catalog, share_id, spoken, now=at(1))
    return share_id


def add_from_the_gateway(catalog: OpenCatalog, *, text: str, segments: object) -> str:
    """Add a share with a transcript that the gateway wrote, and return the share's id."""
    share_id = add_share(catalog)
    execute(
        catalog,
        "INSERT INTO transcripts (id, share_id, full_text, segments, created_at, updated_at)"
        " VALUES (:id, :share, :text, :segments, :at, :at)",
        id=str(uuid4()),
        share=share_id,
        text=text,
        segments=json.dumps(segments),
        at="2026-01-31 12:00:00.000000",
    )
    return share_id


def test_showing_has_text_times_and_recipe(bookmarkai: BookmarkAI, catalog: OpenCatalog) -> None:
    """Title, language, engine, weights and each segment with its time are shown, and nothing controls the terminal."""
    share_id = add_transcribed(catalog, HELLO)
    store(catalog, stored_media("m", share_id))
    begin(catalog, share_id, "m", "run")

    shown = bookmarkai("transcripts", "show", share_id)

    assert shown.code == 0
    facts, said = shown.out.split("\n\n")
    assert said == "0:00:00  Hello <all>.\n0:01:05  Good[31m bye. 🍰\n"
    for expected in (
        share_id,
        "Kuchen backen 🍰",
        "en (98%)",
        "faster-whisper 1.2.1, model tiny.en",
        "ab" * 32,
        "66.0 s",
    ):
        assert expected in facts
    assert not [c for c in shown.out if unicodedata.category(c) == "Cc" and c not in "\n\t"]


def test_showing_as_json_is_the_document_that_export_writes(bookmarkai: BookmarkAI, catalog: OpenCatalog) -> None:
    """Both commands have the same JSON form for programs."""
    share_id = add_transcribed(catalog, HELLO)
    shown = bookmarkai("transcripts", "show", share_id, "--json")
    assert shown.json["version"] == 1
    assert shown.json["text"].startswith("Hello <all>.")
    assert shown.json["provenance"]["weights_sha256"] == "ab" * 32
    assert bookmarkai("transcripts", "export", share_id, "--format", "json").out == shown.out


def test_a_silent_video_is_shown_as_such(bookmarkai: BookmarkAI, catalog: OpenCatalog) -> None:
    """A transcript without text is no failure."""
    shown = bookmarkai("transcripts", "show", add_transcribed(catalog, transcript()))
    assert shown.code == 0
    assert shown.out.endswith("\n\nNo speech.\n")


def test_a_transcript_of_the_gateway_is_shown(bookmarkai: BookmarkAI, catalog: OpenCatalog) -> None:
    """The gateway's transcript is shown as text without times, and without figures that nobody measured."""
    shown = bookmarkai(
        "transcripts", "show", add_from_the_gateway(catalog, text="Hello all.", segments={"own": "form"})
    )
    assert shown.code == 0
    assert shown.out.endswith("\n\nHello all.\n")
    assert "not made here" in shown.out
    assert "%" not in shown.out


def test_subtitles_go_to_standard_output(bookmarkai: BookmarkAI, catalog: OpenCatalog) -> None:
    """Without --out the file is printed, and nothing else."""
    share_id = add_transcribed(catalog, HELLO)
    ended = bookmarkai("transcripts", "export", share_id, "--format", "srt")
    assert (ended.code, ended.out, ended.err) == (0, AS_SRT, "")
    assert bookmarkai("transcripts", "export", share_id, "--format", "vtt").out.startswith("WEBVTT\n\nNOTE\n")
    assert bookmarkai("transcripts", "export", share_id, "--format", "txt").out == (
        "Hello <all>.\n\nGood[31m bye. 🍰\n"
    )


def test_a_file_is_written_whole_and_named(bookmarkai: BookmarkAI, catalog: OpenCatalog, tmp_path: Path) -> None:
    """The file is in UTF-8, with the permissions of any new file, and nothing else is written."""
    (tmp_path / "out").mkdir()
    file = tmp_path / "out" / "hello.srt"
    ended = bookmarkai("transcripts", "export", add_transcribed(catalog, HELLO), "--format", "srt", "--out", str(file))
    assert (ended.code, ended.out) == (0, f"{file}\n")
    assert file.read_bytes() == AS_SRT.encode()
    assert list(file.parent.iterdir()) == [file]
    (tmp_path / "any").touch()
    assert file.stat().st_mode == (tmp_path / "any").stat().st_mode


def test_a_directory_gets_a_file_named_after_the_share(
    bookmarkai: BookmarkAI, catalog: OpenCatalog, tmp_path: Path
) -> None:
    """A directory as target is also accepted for one share."""
    share_id = add_transcribed(catalog, HELLO)
    ended = bookmarkai("transcripts", "export", share_id, "--format", "txt", "--out", str(tmp_path))
    assert ended.out == f"{tmp_path / share_id}.txt\n"
    assert (tmp_path / f"{share_id}.txt").read_text() == "Hello <all>.\n\nGood[31m bye. 🍰\n"


def test_an_existing_file_is_kept(bookmarkai: BookmarkAI, catalog: OpenCatalog, tmp_path: Path) -> None:
    """--force replaces an existing file; a link or a directory in its place is neither followed nor emptied."""
    file = tmp_path / "hello.srt"
    file.write_text("mine")
    command = ("transcripts", "export", add_transcribed(catalog, HELLO), "--format", "srt", "--out", str(file))

    refused = bookmarkai(*command)
    assert refused.code == 1
    assert f"expected nothing at {file}, found a file: --force replaces it" in refused.err
    assert file.read_text() == "mine"

    assert bookmarkai(*command, "--force").code == 0
    assert file.read_text() == AS_SRT

    link = tmp_path / "link.srt"
    link.symlink_to(file)
    refused = bookmarkai(*command[:-1], str(link), "--force")
    assert refused.code == 1
    assert "found something else" in refused.err
    assert stat.S_ISLNK(link.lstat().st_mode)


def test_a_missing_directory_is_named(bookmarkai: BookmarkAI, catalog: OpenCatalog, tmp_path: Path) -> None:
    """A missing directory is not created, for one share or for several."""
    command = ("transcripts", "export", add_transcribed(catalog, HELLO), "--format", "txt", "--out")
    one = bookmarkai(*command, str(tmp_path / "missing" / "hello.txt"))
    assert one.code == 1
    assert f"expected a directory {tmp_path / 'missing'}, found none: make it first" in one.err
    several = bookmarkai(*command, str(tmp_path / "missing"), str(uuid4()))
    assert several.code == 1
    assert "expected a directory for several shares, found none" in several.err
    assert not (tmp_path / "missing").exists()


def test_several_shares_become_files_named_by_their_ids(
    bookmarkai: BookmarkAI, catalog: OpenCatalog, tmp_path: Path
) -> None:
    """A share without a transcript, an unknown share and an existing file stop none of the others."""
    (tmp_path / "out").mkdir()
    first, second, there = (add_transcribed(catalog, HELLO) for _ in range(3))
    waiting, unknown = add_share(catalog), str(uuid4())
    (tmp_path / "out" / f"{there}.srt").write_text("mine")

    ended = bookmarkai(
        "transcripts",
        "export",
        *(waiting, first, unknown, there, second, first),
        *("--format", "srt", "--out", str(tmp_path / "out")),
    )

    assert ended.code == 1
    assert ended.out == "".join(f"{tmp_path / 'out' / share}.srt\n" for share in (first, second))
    assert {path.name for path in (tmp_path / "out").iterdir()} == {f"{one}.srt" for one in (first, second, there)}
    assert (tmp_path / "out" / f"{second}.srt").read_text() == AS_SRT
    assert [line.split("  not exported: ")[0] for line in ended.err.splitlines()] == [waiting, unknown, there]


def test_a_share_without_a_transcript_says_why(bookmarkai: BookmarkAI, catalog: OpenCatalog) -> None:
    """The message says how the share ended and what a person can do, or how far it is."""
    waiting = add_share(catalog)
    failed = add_share(catalog)
    begin(catalog, failed, "m", "run")
    fail(catalog, failed, "run", retry_in=60)
    for share_id, expected in ((waiting, "its status is pending"), (failed, "unreachable: the site did not answer")):
        for command in (("show", share_id), ("export", share_id, "--format", "vtt")):
            ended = bookmarkai("transcripts", *command)
            assert (ended.code, ended.out) == (1, "")
            assert f"expected a transcript of share {share_id}, found none ({expected})" in ended.err
            assert "`bookmarkai shares show" in ended.err or "tried again" in ended.err


def test_an_unknown_share_is_exit_code_1(bookmarkai: BookmarkAI, catalog: OpenCatalog) -> None:
    """An unknown share is exit code 1, as with the other commands."""
    assert catalog is not None
    for command in (("show", str(uuid4())), ("export", str(uuid4()), "--format", "srt")):
        ended = bookmarkai("transcripts", *command)
        assert ended.code == 1
        assert "error:" in ended.err
        assert "Traceback" not in ended.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["show", "not-a-uuid"],
        ["export", str(uuid4())],
        ["export", "not-a-uuid", "--format", "srt"],
        ["export", str(uuid4()), "--format", "docx"],
        ["export", str(uuid4()), str(uuid4()), "--format", "srt"],
    ],
)
def test_wrong_use_is_exit_code_2(bookmarkai: BookmarkAI, arguments: list[str]) -> None:
    """No id, no format, an unknown format, and several shares with one file as target are exit code 2."""
    ended = bookmarkai("transcripts", *arguments)
    assert ended.code == 2
    assert not ended.out


def test_a_text_without_times_makes_no_subtitles(bookmarkai: BookmarkAI, catalog: OpenCatalog) -> None:
    """The error for a transcript without segments lists the possible formats; one with segments is like ours."""
    untimed = add_from_the_gateway(catalog, text="Hello all.", segments=None)
    ended = bookmarkai("transcripts", "export", untimed, "--format", "srt")
    assert ended.code == 1
    assert "export it as txt or json" in ended.err
    assert bookmarkai("transcripts", "export", untimed, "--format", "txt").out == "Hello all.\n"

    timed = add_from_the_gateway(
        catalog, text="Hello all.", segments=[{"start": 1, "end": 2.5, "text": "Hello all.", "words": ["Hello"]}]
    )
    assert bookmarkai("transcripts", "export", timed, "--format", "srt").out == (
        "1\n00:00:01,000 --> 00:00:02,500\nHello all.\n\n"
    )


def test_an_hour_of_speech_is_exported_whole(bookmarkai: BookmarkAI, catalog: OpenCatalog) -> None:
    """An hour of speech with all its words is exported whole."""
    share_id = add_transcribed(catalog, replace(hours_of_speech(1), language="de"))
    ended = bookmarkai("transcripts", "export", share_id, "--format", "vtt")
    assert ended.out.count("-->") == 1200
    assert ended.out.count("Today") == 1200
