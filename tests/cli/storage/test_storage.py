"""`bookmarkai storage`: moving, verifying, cleaning up, presigning and rebuilding, over a real S3 server."""

import base64
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_curve_key
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from rich.console import Console

from bookmarkai_assets.adapters.catalog import open_catalog
from bookmarkai_assets.adapters.s3_store import S3Store
from bookmarkai_assets.core.media.media import Media
from bookmarkai_assets.core.media.placement import Backend, Decider, StorageMode
from bookmarkai_assets.demo.seaweed import SeaweedServer
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.rules import make_rules
from tests.plugins.command_line import BookmarkAI
from tests.plugins.vault import Vault
from tests.support.deadlines import HANG_SECONDS
from tests.support.fault_proxy import FaultProxy
from tests.support.processes import wait_until
from tests.support.share_partitions import make_partitions
from tests.support.small_disk import IN_A_NAMESPACE, NO_MOUNT

CURVE_KEY = (
    generate_curve_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode().strip()
)
GRACE_OVER = ("CLEANUP_GRACE_HOURS", "0")


@dataclass(frozen=True)
class Installation:
    """An installation with a real bucket that the command line is set up for, and what is behind it."""

    vault: Vault
    environment: dict[str, str]
    client: Any
    bucket: str
    prefix: str

    def objects(self) -> list[str]:
        """List the installation's keys in the bucket."""
        listing = self.client.list_objects_v2(Bucket=self.bucket, Prefix=self.prefix)
        return [found["Key"] for found in listing.get("Contents", [])]


@pytest.fixture
def installation(
    tmp_path: Path,
    sqlite_url: str,
    seaweed: SeaweedServer,
    s3_store: S3Store,
    s3_client: Any,
    object_prefix: str,
    bookmarkai: BookmarkAI,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Installation]:
    """Return an installation whose settings the `bookmarkai` command reads from the environment."""
    assert bookmarkai is not None, "it has cleared the environment"
    prefix = f"temp/{object_prefix}"
    environment = {
        **seaweed.variables,
        "YTDLP_DOWNLOAD_DIR": str(tmp_path / "media"),
        "S3_VIDEO_PREFIX": prefix,
        "CATALOG_URL": sqlite_url,
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with open_catalog(sqlite_url) as catalog:
        vault = Vault(tmp_path, catalog, make_rules(load_settings(env_file=None)))
        vault.stores[Backend.S3] = s3_store
        yield Installation(vault, environment, s3_client, seaweed.bucket, prefix)


def nonzero_counts(report: dict[str, Any]) -> dict[str, int]:
    """Return the outcomes that occurred, with their counts."""
    return {outcome: count for outcome, count in report["counts"].items() if count}


def test_media_move_there_and_back(installation: Installation, bookmarkai: BookmarkAI) -> None:
    """Moving all media to S3 and back leaves everything as recorded, byte by byte, and fetches nothing again."""
    media = [installation.vault.store(name) for name in "abc"]

    there = bookmarkai("storage", "move", "--to", "s3", "--all", "--json")
    assert (there.code, nonzero_counts(there.json)) == (0, {"moved": 3})
    assert there.json["bytes"] == sum(m.size_bytes for m in media)
    assert len(installation.objects()) == 3 * 6
    deep = bookmarkai("storage", "verify", "--deep", "--json")
    assert deep.code == 0
    assert deep.json["counts"]["same"] == 3 * 6
    assert deep.json["counts"]["in_both_places"] == 3 * 6

    back = bookmarkai("storage", "move", "--to", "local", "--all", "--json")
    assert (back.code, nonzero_counts(back.json)) == (0, {"moved": 3})
    assert bookmarkai("storage", "verify", "--deep").code == 0
    for m in media:
        assert installation.vault.media(m).video.url == m.video.url


def test_a_move_can_be_chosen_by_share_and_by_age(installation: Installation, bookmarkai: BookmarkAI) -> None:
    """A share or an age selects what moves, a dry run moves nothing, and exactly one selection has to be given."""
    first, second = installation.vault.store("a"), installation.vault.store("b")

    dry = bookmarkai("storage", "move", "--to", "s3", "--share", first.share_id, "--dry-run", "--json")
    assert (dry.code, nonzero_counts(dry.json), installation.objects()) == (0, {"moved": 1}, [])
    assert nonzero_counts(bookmarkai("storage", "move", "--to", "s3", "--older-than", "7d", "--json").json) == {}
    assert bookmarkai("storage", "move", "--to", "s3", "--share", first.share_id).code == 0
    assert installation.vault.media(first).backend is Backend.S3
    assert installation.vault.media(second).backend is Backend.LOCAL
    assert nonzero_counts(bookmarkai("storage", "move", "--to", "s3", "--older-than", "0s", "--json").json) == {
        "moved": 1,
        "already_there": 1,
    }

    assert bookmarkai("storage", "move", "--to", "s3").code == 2
    assert bookmarkai("storage", "move", "--to", "s3", "--all", "--older-than", "7d").code == 2
    refused = bookmarkai("storage", "move", "--to", "s3", "--older-than", "a week")
    assert refused.code == 2
    assert "7d" in refused.err


def test_a_media_that_could_not_be_moved_is_named_and_fails_the_command(
    installation: Installation, bookmarkai: BookmarkAI
) -> None:
    """A leased media is skipped with its reason, and the exit code says that not everything is done."""
    leased, free = installation.vault.store("a"), installation.vault.store("b")
    installation.vault.lease(leased, owner="run 1")

    ended = bookmarkai("storage", "move", "--to", "s3", "--all")

    assert ended.code == 1
    assert "1 moved to s3" in ended.out
    assert "1 leased" in ended.out
    assert leased.share_id in ended.err
    assert installation.vault.media(free).backend is Backend.S3


def test_clean_up_removes_proven_copies(
    installation: Installation, bookmarkai: BookmarkAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dry run names the copies, the real run removes them, and the bucket alone then passes a deep verification."""
    media = installation.vault.store("a")
    bookmarkai("storage", "move", "--to", "s3", "--all")
    assert "within grace" in bookmarkai("storage", "cleanup").out
    monkeypatch.setenv(*GRACE_OVER)

    dry = bookmarkai("storage", "cleanup", "--dry-run")
    assert dry.code == 0
    assert any(line.split() == ["would", "remove", "in_s3", media.video.url] for line in dry.out.splitlines())
    done = bookmarkai("storage", "cleanup", "--json")

    assert done.code == 0
    assert done.json["removed_by_reason"] == {"in_s3": 1}
    assert installation.vault.files() == []
    shown = bookmarkai("shares", "show", media.share_id, "--json").json
    assert {deletion["url"] for deletion in shown["deletions"]} == {blob.url for blob in media.parts.values()}
    assert all(deletion["is_done"] and deletion["proof"]["in_s3"] == "same" for deletion in shown["deletions"])
    assert shown["media"]["placement"]["decided_by"] == "operator"
    assert shown["media"]["expires_at"]
    assert ": in_s3 at" in " ".join(bookmarkai("shares", "show", media.share_id).out.split())
    deep = bookmarkai("storage", "verify", "--deep", "--json").json
    assert deep["ok"]
    assert deep["bytes_read"] == media.size_bytes
    assert bookmarkai("storage", "move", "--to", "local", "--all").code == 0
    assert bookmarkai("storage", "verify", "--deep").code == 0


def test_clean_up_refuses_an_empty_directory(
    installation: Installation, bookmarkai: BookmarkAI, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With the wrong directory set, clean-up ends with exit code 1 and the name of the setting."""
    installation.vault.store("a")
    monkeypatch.setenv("YTDLP_DOWNLOAD_DIR", str(tmp_path / "elsewhere"))

    ended = bookmarkai("storage", "cleanup")

    assert ended.code == 1
    assert "YTDLP_DOWNLOAD_DIR" in ended.err


def test_a_verification_shows_losses_like_rclone(installation: Installation, bookmarkai: BookmarkAI) -> None:
    """`+` is only recorded, `*` differs, `-` is only in the store, and missing or different bytes fail the command."""
    missing, different, _ = (installation.vault.store(name) for name in "abc")
    Path(missing.video.url).unlink()
    Path(different.video.url).write_bytes(b"x")
    stranger = installation.vault.media_dir / "stranger.bin"
    stranger.write_bytes(b"x")

    ended = bookmarkai("storage", "verify")

    assert ended.code == 1
    lines = ended.out.splitlines()
    assert any(line.startswith(f"+ {missing.video.url}") for line in lines)
    assert any(line.startswith(f"* {different.video.url}") for line in lines)
    assert any(line.startswith(f"- {stranger}") for line in lines)
    assert "SOMETHING IS MISSING OR DIFFERENT" in lines[0]


def test_what_was_moved_and_what_is_wrong_can_be_opened_as_partitions(
    installation: Installation, bookmarkai: BookmarkAI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--partitions` prints the shares of a move, or those with findings, instead of the report; exit codes stay."""
    kept, lost = (installation.vault.store(name) for name in "ab")
    make_partitions(tmp_path / "home", kept.share_id or "", lost.share_id or "")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))

    preview = bookmarkai("storage", "move", "--to", "s3", "--share", lost.share_id or "", "--dry-run", "--partitions")
    assert preview.code == 0
    assert f"Partitions: {lost.share_id}" in preview.out
    assert bookmarkai("storage", "move", "--to", "s3", "--all", "--partitions", "--json").json["selected"] == 2

    Path(lost.video.url).unlink()
    installation.vault.stores[Backend.S3].delete(installation.vault.media(lost).video.url)
    ended = bookmarkai("storage", "verify", "--partitions", "--json")
    assert (ended.code, ended.json["partitions"]) == (1, lost.share_id)


def test_a_long_report_begins_with_its_verdict_and_ends_with_a_count(
    installation: Installation, bookmarkai: BookmarkAI
) -> None:
    """As over a directory that is not mounted: some findings in words, and the number of the others."""
    for name in "abcdefghijkl":
        for part in installation.vault.store(name).parts.values():
            Path(part.url).unlink()

    ended = bookmarkai("storage", "verify")
    verdict, counts, *findings, rest = ended.out.splitlines()
    assert verdict.startswith("SOMETHING IS MISSING OR DIFFERENT")
    assert counts.split()[:2] == ["+", "72"]
    assert len(findings) == 50
    assert rest == "… and 22 more: --limit shows more of them, --json has all"

    assert len(bookmarkai("storage", "verify", "--limit", "3").out.splitlines()) == 2 + 3 + 1
    assert "more:" not in bookmarkai("storage", "verify", "--limit", "100").out
    report = bookmarkai("storage", "verify", "--json").json
    assert len(report["findings"]) == 72
    assert list(report)[:2] == ["ok", "verdict"]


def test_good_findings_are_counted_and_listed_on_request(installation: Installation, bookmarkai: BookmarkAI) -> None:
    """A good report has counts and a verdict, --verbose a line for each, and JSON names second copies either way."""
    media = installation.vault.store("a")
    bookmarkai("storage", "move", "--to", "s3", "--all")
    in_s3 = installation.vault.media(media)

    short, full = bookmarkai("storage", "verify"), bookmarkai("storage", "verify", "--verbose")

    assert (short.code, full.code) == (0, 0)
    assert not any("://" in line or line.startswith(("= /", "& /")) for line in short.out.splitlines())
    assert "same: as recorded" in short.out
    for blob in in_s3.parts.values():
        assert f"= {blob.url}  (share {media.share_id})" in full.out.splitlines()
    for blob in media.parts.values():
        assert f"& {blob.url}  (share {media.share_id}: a second copy" in full.out
    assert len(bookmarkai("storage", "verify", "--json").json["findings"]) == 6
    assert len(bookmarkai("storage", "verify", "--json", "--verbose").json["findings"]) == 12


def test_a_deep_verification_and_a_move_show_their_progress_on_a_terminal(
    installation: Installation, bookmarkai: BookmarkAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Progress in objects and bytes is on standard error, but not in a pipe, with JSON, or where nothing is read."""
    media = installation.vault.store("a")
    verify, move = ("storage", "verify", "--deep"), ("storage", "move", "--to", "s3", "--all")
    assert bookmarkai(*verify).err == ""
    for module in ("verify", "move"):
        terminal = Console(stderr=True, force_terminal=True, width=200)
        monkeypatch.setattr(f"bookmarkai_assets.cli.storage.{module}.err", terminal)

    deep, moved = bookmarkai(*verify), bookmarkai(*move)

    amount = "{0:.1f}/{0:.1f} kB".format(media.size_bytes / 1000)
    assert "reading" in deep.err
    assert "6 of 6" in deep.err
    assert amount in deep.err
    assert "1 of 1" in moved.err
    assert amount in moved.err
    assert "6 of 6" not in deep.out
    assert bookmarkai(*verify, "--json").err == ""
    assert bookmarkai("storage", "verify").err == ""


def test_a_bucket_that_does_not_answer_leaves_the_report_of_the_rest(
    installation: Installation, bookmarkai: BookmarkAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The local side is verified, the bucket is named once, JSON says what was not checked, and the exit code is 1."""
    installation.vault.store("a")
    installation.vault.store("b", Backend.S3)
    monkeypatch.setenv("S3_MEDIA_BUCKET", "no-such-bucket")

    ended, report = bookmarkai("storage", "verify", "--deep"), bookmarkai("storage", "verify", "--json")

    assert (ended.code, report.code) == (1, 1)
    assert [line for line in ended.out.splitlines() if line.startswith("! s3: not verified")]
    assert not [line for line in ended.out.splitlines() if line.startswith("! s3://")]
    assert "NOTHING COULD BE CHECKED IN S3" in ended.out.splitlines()[0]
    assert report.json["ok"] is False
    assert "no-such-bucket" in report.json["backends_not_verified"]["s3"]
    assert (report.json["counts"]["same"], report.json["counts"]["unverified"]) == (6, 6)


def test_a_lost_video_is_fetched_again_by_the_command_in_the_report(
    installation: Installation, bookmarkai: BookmarkAI
) -> None:
    """The remedy can be pasted: the share becomes due, and its run fetches, stores and verifies it."""
    vault = installation.vault
    media, well = vault.store("a", Backend.S3), vault.store("b")
    for blob in media.parts.values():
        vault.stores[Backend.S3].delete(blob.url)
    ended = bookmarkai("storage", "verify")
    [lost] = [line for line in ended.out.splitlines() if line.startswith(f"+ {media.video.url}")]
    remedy = f"bookmarkai shares retry {media.share_id}"
    assert remedy in lost

    again = bookmarkai(*remedy.split()[1:])

    assert again.code == 0
    assert "in no backend and is fetched again" in again.out
    assert [due.share_id for due in vault.catalog.work.due(now=vault.clock(), limit=9)] == [media.share_id]
    vault.run(media.share_id, "fetch", "place", "transcribe")
    assert bookmarkai("storage", "verify", "--deep").code == 0
    refused = bookmarkai("shares", "retry", well.share_id, "--json")
    assert (refused.code, refused.json["unchanged"]) == (1, [well.share_id])


def test_a_link_reads_the_video_for_a_while(installation: Installation, bookmarkai: BookmarkAI) -> None:
    """The printed link returns the video's bytes without credentials, and is in no table and no log."""
    media = installation.vault.store("a", Backend.S3)

    ended = bookmarkai("storage", "presign", media.share_id, "--expires", "30s")

    assert ended.code == 0
    link = ended.out.strip()
    with urllib.request.urlopen(link) as answer:
        assert len(answer.read()) == media.video.digest.size_bytes
    assert "X-Amz-Expires=30" in link
    signature = link.partition("X-Amz-Signature=")[2][:16]
    assert signature
    assert signature not in "".join(str(event) for event in installation.vault.catalog.events.for_share(media.share_id))
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(link.replace("X-Amz-Expires=30", "X-Amz-Expires=3000"))
    refused.value.close()
    assert bookmarkai("storage", "presign", media.share_id, "--audio").code == 0
    too_long = bookmarkai("storage", "presign", media.share_id, "--expires", "8d")
    assert too_long.code == 2
    assert "X-Amz" not in too_long.out


def test_a_link_to_cloudfront_is_signed_for_its_key_group(
    installation: Installation, bookmarkai: BookmarkAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever has the public key can check it. It names the object and the end, and a local video has none."""
    private = generate_private_key(public_exponent=65537, key_size=2048)
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    for name, value in {"CDN_URL": "https://d1.cloudfront.net/", "CDN_KEY_ID": "K2ABC", "CDN_PRIVATE_KEY": pem}.items():
        monkeypatch.setenv(name, value)
    media, local = installation.vault.store("a", Backend.S3), installation.vault.store("b")

    link = bookmarkai("storage", "presign", media.share_id, "--cdn", "--expires", "1h").out.strip()

    address, _, query = link.partition("?")
    asked = dict(parse_qsl(query))
    assert address == f"https://d1.cloudfront.net/{media.video.key}"
    assert asked["Key-Pair-Id"] == "K2ABC"
    assert 3500 < int(asked["Expires"]) - time.time() <= 3600
    policy = {"Resource": address, "Condition": {"DateLessThan": {"AWS:EpochTime": int(asked["Expires"])}}}
    signature = base64.b64decode(asked["Signature"].translate(str.maketrans("-_~", "+=/")))
    said = json.dumps({"Statement": [policy]}, separators=(",", ":")).encode()
    private.public_key().verify(signature, said, PKCS1v15(), SHA1())  # noqa: S303 - as CloudFront has it

    refused = bookmarkai("storage", "presign", local.share_id, "--cdn")
    assert refused.code == 1
    assert f"bookmarkai storage move --to s3 --share {local.share_id}" in refused.err


@pytest.mark.parametrize("key", ["", "not a key", CURVE_KEY])
def test_without_a_key_that_cloudfront_takes_there_is_no_link(
    installation: Installation, bookmarkai: BookmarkAI, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    """The message names the settings, and nothing of a key is shown."""
    media = installation.vault.store("a", Backend.S3)
    if key:
        settings = {"CDN_URL": "https://d1.cloudfront.net", "CDN_KEY_ID": "K2ABC", "CDN_PRIVATE_KEY": key}
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
    ended = bookmarkai("storage", "presign", media.share_id, "--cdn")
    assert (ended.code, ended.out) == (1, "")
    assert "CDN_PRIVATE_KEY" in ended.err
    assert not key or key.splitlines()[-1] not in ended.err


def test_a_local_video_has_no_link(installation: Installation, bookmarkai: BookmarkAI) -> None:
    """The message says where the file is, and differs for an unknown share and for one without media."""
    media = installation.vault.store("a")
    ended = bookmarkai("storage", "presign", media.share_id)
    assert ended.code == 1
    assert media.video.url in ended.err
    pending = installation.vault.share("b")
    assert "none" in bookmarkai("storage", "presign", pending).err
    assert bookmarkai("storage", "presign", "6f1c0c8e-5d0f-4c53-9d2c-0a5b8f7e1d11").code == 1


def test_an_empty_catalog_is_rebuilt_from_bucket_and_disk(
    installation: Installation,
    bookmarkai: BookmarkAI,
    sqlite_template: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After the catalog is lost, every video in the bucket and on the disk is recorded again and verifies."""
    # The server is shared, so what other tests have in the bucket is found as well. Names of our own tell them apart.
    names = [f"{installation.prefix}{name}" for name in "ab"]
    stored = [
        installation.vault.store(name, backend)
        for name, backend in zip(names, (Backend.LOCAL, Backend.S3), strict=True)
    ]
    media = {m.media_id: m for m in stored}
    file = tmp_path / "new.db"
    file.write_bytes(sqlite_template.read_bytes())
    monkeypatch.setenv("CATALOG_URL", f"sqlite:///{file}")

    planned = bookmarkai("storage", "rebuild-catalog", "--dry-run", "--json").json
    done = bookmarkai("storage", "rebuild-catalog", "--json").json

    assert {found["media_id"] for found in planned["restored"]} >= media.keys()
    restored = {found["media_id"]: found for found in done["restored"]}
    for media_id, original in media.items():
        assert restored[media_id]["share_id"] == original.share_id
        assert restored[media_id]["url"] == original.video.url
    with open_catalog(f"sqlite:///{file}") as catalog:
        for media_id, original in media.items():
            found = catalog.media.get(media_id)
            assert isinstance(found, Media)
            assert found.parts == original.parts


def test_a_rebuild_follows_the_recorded_rollback_and_says_when_there_is_none(
    installation: Installation,
    bookmarkai: BookmarkAI,
    sqlite_template: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """For a video in both places the local copy is recorded after a rollback.

    With an empty catalog the settings count, and the command says so.
    """
    media = installation.vault.store(f"{installation.prefix}both")
    installation.vault.move(media, to=Backend.S3)
    monkeypatch.setenv("STORAGE_MODE", "s3")
    assert bookmarkai("rollout", "rollback", "--reason", "the bucket is slow").code == 0
    with installation.vault.catalog.database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM media")

    rebuilt = bookmarkai("storage", "rebuild-catalog")

    assert rebuilt.code == 0
    assert "Everything new goes to the local directory: rolled back (decision 1)" in rebuilt.out
    assert "No decision" not in rebuilt.out
    placement = installation.vault.media(media).placement
    assert placement is not None
    assert (placement.backend, placement.mode, placement.decision_id) == (Backend.LOCAL, StorageMode.LOCAL, 1)
    assert placement.decided_by is Decider.FOUND

    file = tmp_path / "new.db"
    file.write_bytes(sqlite_template.read_bytes())
    monkeypatch.setenv("CATALOG_URL", f"sqlite:///{file}")
    without_decision = bookmarkai("storage", "rebuild-catalog")

    assert without_decision.code == 0
    assert "Everything new goes to S3: STORAGE_MODE=s3 in the settings" in without_decision.out
    assert "No decision about the rollout is on record" in without_decision.out
    assert "bookmarkai rollout rollback" in without_decision.out
    with open_catalog(f"sqlite:///{file}") as catalog:
        found = catalog.media.get(media.media_id)
        assert found is not None
        assert found.placement is not None
        assert (found.placement.backend, found.placement.decision_id) == (Backend.S3, None)

    monkeypatch.delenv("STORAGE_MODE")
    assert "No decision" not in bookmarkai("storage", "rebuild-catalog").out, "under local none would count"


def test_an_interrupted_move_aborts_and_can_go_on(
    installation: Installation, bookmarkai: BookmarkAI, s3_fault_proxy: FaultProxy, tmp_path: Path
) -> None:
    """SIGTERM during a large upload leaves no multipart upload and no lease, and the next move succeeds."""
    vault = installation.vault
    big = os.urandom(1 << 20) * 56
    share_id = vault.share("big")
    vault.downloader.serve("https://example.com/big", video=big)
    vault.run(share_id, "fetch", "place")
    media = vault.media_of("big")
    assert media is not None
    arrived, go_on = threading.Event(), threading.Event()

    def pause_at_third_part(method: str, path: str) -> None:
        if method == "PUT" and "partNumber=3" in path:
            arrived.set()
            go_on.wait(HANG_SECONDS)

    s3_fault_proxy.pass_through()
    s3_fault_proxy.before_request = pause_at_third_part
    command = [sys.executable, "-m", "bookmarkai_assets.cli", "storage", "move", "--to", "s3", "--all"]
    environment = {**os.environ, **installation.environment, "S3_ENDPOINT": s3_fault_proxy.url}
    with (tmp_path / "move.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=tmp_path)
        wait_until(lambda: arrived.is_set() or process.poll() is not None)
        assert uploads(installation)
        process.send_signal(signal.SIGTERM)
        go_on.set()
        code = process.wait(HANG_SECONDS)
    s3_fault_proxy.pass_through()

    assert code == 128 + signal.SIGTERM, (tmp_path / "move.log").read_text()
    assert "stopped: 0 done, 1 to do" in (tmp_path / "move.log").read_text()
    assert uploads(installation) == []
    assert not vault.catalog.leases.is_leased(media.media_id, now=datetime.now(UTC))
    assert vault.media(media) == media
    assert bookmarkai("storage", "move", "--to", "s3", "--all").code == 0
    assert bookmarkai("storage", "verify", "--deep").code == 0


def uploads(installation: Installation) -> list[Any]:
    """List the open multipart uploads of the installation."""
    answer = installation.client.list_multipart_uploads(Bucket=installation.bucket, Prefix=installation.prefix)
    return list(answer.get("Uploads", []))


def test_a_move_without_room_on_the_local_disk_does_not_begin(
    installation: Installation, bookmarkai: BookmarkAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says how much is needed beside the reserve, moves nothing, also as a dry run, and its exit code is 1."""
    media = [installation.vault.store(name) for name in "ab"]
    assert bookmarkai("storage", "move", "--to", "s3", "--all").code == 0
    for name in installation.vault.files():
        (installation.vault.media_dir / name).unlink()
    monkeypatch.setenv("DOWNLOAD_MIN_FREE_BYTES", str(10**18))

    for options in ([], ["--dry-run"]):
        ended = bookmarkai("storage", "move", "--to", "local", "--all", *options)
        assert (ended.code, ended.out) == (1, "")
        assert "DOWNLOAD_MIN_FREE_BYTES" in ended.err
        assert "nothing was moved" in ended.err
    assert {installation.vault.media(m).backend for m in media} == {Backend.S3}
    assert installation.vault.files() == []

    monkeypatch.setenv("DOWNLOAD_MIN_FREE_BYTES", "0")
    done = bookmarkai("storage", "move", "--to", "local", "--all", "--json")
    assert (done.code, nonzero_counts(done.json), done.json["left"]) == (0, {"moved": 2}, 0)


def test_a_move_to_a_disk_that_is_too_small_leaves_it_as_it_is(
    installation: Installation, bookmarkai: BookmarkAI
) -> None:
    """On a real disk of 1 MiB the command ends before it writes anything, and the reserve is still free."""
    if shutil.which("unshare") is None:
        pytest.skip("needs unshare, to mount a small disk")
    media = [installation.vault.store(name) for name in "abc"]
    assert bookmarkai("storage", "move", "--to", "s3", "--all").code == 0
    needed = sum(m.size_bytes for m in media)
    script = (
        f"mount -t tmpfs -o size=1m none '{installation.vault.media_dir}' || exit {NO_MOUNT}; "
        f"'{sys.executable}' -m bookmarkai_assets.cli storage move --to local --all; echo $?; "
        f"find '{installation.vault.media_dir}' -type f"
    )
    done = subprocess.run(
        [*IN_A_NAMESPACE, "sh", "-c", script],
        env=os.environ | installation.environment | {"DOWNLOAD_MIN_FREE_BYTES": str((1 << 20) - needed + 1)},
        capture_output=True,
        check=False,
        text=True,
        timeout=HANG_SECONDS,
    )
    if done.returncode == NO_MOUNT or done.stderr.startswith("unshare:"):
        pytest.skip("needs leave to mount a small disk in a namespace of its own")
    assert done.stdout == "1\n"
    assert "nothing was moved" in done.stderr
