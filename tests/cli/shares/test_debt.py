"""`bookmarkai shares debt`, `retry --outcome` and `list --outcome`: what failed, and how to retry it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import dagster as dg
import pytest

from bookmarkai_assets.adapters.catalog import OpenCatalog, open_catalog
from bookmarkai_assets.core.outcomes import Failure, Outcome
from tests.plugins.command_line import BookmarkAI
from tests.support.catalog import USER

TIKTOK = "https://www.tiktok.com/@user/video/{}"
X = "https://twitter.com/user/status/{}"


@pytest.fixture
def catalog(bookmarkai: BookmarkAI, sqlite_url: str) -> Iterator[OpenCatalog]:
    """Return the catalog that the command opens."""
    assert bookmarkai is not None, "it has cleared the environment"
    with open_catalog(sqlite_url) as opened:
        yield opened


def add_failed(
    catalog: OpenCatalog, url: str, outcome: Outcome, *, hours_ago: float = 0.5, retry_in: float | None = None
) -> str:
    """Record a share that failed so many hours ago and is parked, or will be tried again in so many hours."""
    now = datetime.now(UTC)
    moment = now - timedelta(hours=hours_ago)
    share_id = catalog.shares.add(url=url, user_id=USER, platform="generic", now=moment).share.share_id
    work = catalog.work
    work.begin(share_id, share_id, owner="run", claim_id=None, now=moment, until=moment + timedelta(hours=9))
    retry_at = None if retry_in is None else now + timedelta(hours=retry_in)
    work.fail(share_id, Failure(outcome, "as the site says"), owner="run", now=moment, retry_at=retry_at)
    return share_id


def test_no_debt_is_said_in_words(bookmarkai: BookmarkAI) -> None:
    """Without debt, people read a sentence and programs an empty list."""
    assert bookmarkai("shares", "debt").out.strip() == "No share has failed, and none is put off."
    shown = bookmarkai("shares", "debt", "--json").json
    assert (shown["total"], shown["failures"], shown["held"]) == (0, [], [])


def test_the_debt_is_a_line_for_each_kind(bookmarkai: BookmarkAI, catalog: OpenCatalog) -> None:
    """A line has the outcome, platform, age, count, whether time helps, and the command; postponed ones are last."""
    add_failed(catalog, TIKTOK.format(1), Outcome.BLOCKED, hours_ago=3)
    add_failed(catalog, TIKTOK.format(2), Outcome.BLOCKED, hours_ago=4, retry_in=1)
    add_failed(catalog, X.format(1), Outcome.GONE)
    postponed = add_failed(catalog, TIKTOK.format(3), Outcome.BLOCKED)
    now = datetime.now(UTC)
    catalog.work.begin(postponed, postponed, owner="again", claim_id=None, now=now, until=now + timedelta(hours=1))
    catalog.work.postpone(postponed, reason="paused", owner="again", now=now, until=now, held_for="tiktok")

    heading, *lines, sums = bookmarkai("shares", "debt").out.splitlines()

    assert heading.split("\t") == ["outcome", "platform", "age", "shares", "heals", "oldest", "what to do"]
    shown = [line.split("\t") for line in lines]
    assert [(cells[:5], cells[6]) for cells in shown] == [
        (
            ["blocked", "tiktok", "under a day", "2", "1 may heal by a retry, the rest by itself"],
            "bookmarkai shares retry --outcome blocked --platform tiktok",
        ),
        (
            ["gone", "x", "under an hour", "1", "only once the cause is gone"],
            "bookmarkai shares retry --outcome gone --platform x",
        ),
        (["postponed", "tiktok", "", "1", "waits for its site"], "bookmarkai platforms list"),
    ]
    assert sums.startswith("3 failed: 1 are tried again by themselves; of all, 2 may heal by a retry, 1 only once")


def test_partitions_are_ranges_of_dagsters_keys(
    bookmarkai: BookmarkAI,
    catalog: OpenCatalog,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Neighbours in Dagster's order are a range, and a share that never had a run cannot be selected."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    one, two, three, set_aside = (add_failed(catalog, X.format(n), Outcome.GONE) for n in range(4))
    unknown = bookmarkai("shares", "debt", "--partitions").out.splitlines()[-1]
    assert unknown == "gone x under an hour: not known, because Dagster has not run in DAGSTER_HOME"
    with dg.DagsterInstance.from_config(str(home)) as instance:
        instance.add_dynamic_partitions("shares", [three, two, "another", one])
    assert bookmarkai("shares", "debt", "--json").json["failures"][0]["partitions"] == f"[{three}...{two}], {one}"
    assert bookmarkai("shares", "debt", "--partitions").out.splitlines()[-1].endswith(f"hour: [{three}...{two}], {one}")
    assert set_aside not in bookmarkai("shares", "debt", "--partitions").out


def test_each_line_has_the_page_that_opens_it_as_a_backfill(
    bookmarkai: BookmarkAI, catalog: OpenCatalog, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With exactly its shares, at the UI's own address; and partitions that are no share are named, debt or not."""
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DAGSTER_UI_URL", "https://dagster.example.com/prefix")
    with dg.DagsterInstance.from_config(str(tmp_path / "home")) as instance:
        instance.add_dynamic_partitions("shares", ["typed in"])
        nothing, stranger = bookmarkai("shares", "debt", "--partitions").out.splitlines()
        one, two = (add_failed(catalog, X.format(n), Outcome.GONE) for n in range(2))
        blocked = add_failed(catalog, TIKTOK.format(1), Outcome.BLOCKED)
        instance.add_dynamic_partitions("shares", [one, blocked, two])

    assert nothing == "No share has failed, and none is put off."
    assert stranger.startswith("1 partition is no share: typed in. To remove them, delete them in Dagster's UI")
    shown = bookmarkai("shares", "debt", "--json").json
    assert shown["not_shares"] == ["typed in"]
    pages = {line["outcome"]: line["backfills"] for line in shown["failures"]}
    assert [page["partitions"] for page in (*pages["gone"], *pages["blocked"])] == [2, 1]
    [gone] = pages["gone"]
    assert gone["url"].startswith("https://dagster.example.com/prefix/asset-groups~")
    assert parse_qs(urlsplit(gone["url"]).query)["default_range"] == [f"{one}, {two}"]
    printed = bookmarkai("shares", "debt", "--partitions").out.splitlines()
    assert f"Backfill of gone x under an hour, 2 partitions: {gone['url']}" in printed


def test_partitions_are_known_where_dagster_keeps_its_records_elsewhere(
    bookmarkai: BookmarkAI,
    catalog: OpenCatalog,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As on a host of a cluster: its home has the configuration alone, and no folder of Dagster's."""
    elsewhere, home, host = (tmp_path_factory.mktemp(name) for name in ("elsewhere", "home", "host"))
    for one in (home, host):
        (one / "dagster.yaml").write_text(f"storage: {{sqlite: {{base_dir: {elsewhere}}}}}\n")
    share_id = add_failed(catalog, X.format(1), Outcome.GONE)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        instance.add_dynamic_partitions("shares", [share_id])
    monkeypatch.setenv("DAGSTER_HOME", str(host))

    assert bookmarkai("shares", "debt", "--json").json["failures"][0]["partitions"] == share_id


def test_a_kind_of_failure_is_retried(bookmarkai: BookmarkAI, catalog: OpenCatalog) -> None:
    """Parked and waiting shares of that outcome and platform become due; a dry run only counts them."""
    parked = add_failed(catalog, X.format(1), Outcome.BLOCKED)
    waiting = add_failed(catalog, X.format(2), Outcome.BLOCKED, retry_in=1)
    elsewhere = add_failed(catalog, TIKTOK.format(1), Outcome.BLOCKED)
    another = add_failed(catalog, X.format(3), Outcome.GONE)
    command = ["shares", "retry", "--outcome", "blocked", "--platform", "twitter", "--json"]

    expected = {"dry_run": True, "matched": 2, "retried": 0, "by_outcome": {"blocked": 2}}
    assert bookmarkai(*command, "--dry-run").json == expected
    assert catalog.work.due(now=datetime.now(UTC), limit=9) == []
    assert bookmarkai(*command).json == {**expected, "dry_run": False, "retried": 2}

    due = {share.share_id: share.attempts for share in catalog.work.due(now=datetime.now(UTC), limit=9)}
    assert due == {parked: 0, waiting: 0}
    said = bookmarkai("shares", "retry", "--outcome", "gone", "--outcome", "blocked", "--platform", "tiktok").out
    assert said.splitlines() == ["blocked  1 share", "1 share will be tried again"]
    assert bookmarkai("shares", "retry", "--outcome", "gone").out.splitlines()[-1] == "1 share will be tried again"
    assert {share.share_id for share in catalog.work.due(now=datetime.now(UTC), limit=9)} >= {elsewhere, another}


def test_only_old_failures_are_retried(bookmarkai: BookmarkAI, catalog: OpenCatalog) -> None:
    """--older-than counts from the last failure."""
    add_failed(catalog, X.format(1), Outcome.GONE, hours_ago=1)
    old = add_failed(catalog, X.format(2), Outcome.GONE, hours_ago=3)
    bookmarkai("shares", "retry", "--outcome", "gone", "--older-than", "2h")
    assert [share.share_id for share in catalog.work.due(now=datetime.now(UTC), limit=9)] == [old]


def test_nothing_to_retry_is_said(bookmarkai: BookmarkAI) -> None:
    """Nothing to retry is no failure of the command."""
    ended = bookmarkai("shares", "retry", "--outcome", "site_changed")
    assert (ended.code, ended.out.strip()) == (0, "No share stands with such a failure.")


@pytest.mark.parametrize(
    "arguments",
    [
        ["retry", "--outcome", "done"],
        ["retry", "--outcome", "postponed"],
        ["retry", "--outcome", "vanished"],
        ["retry", "--outcome", "gone", "--failed"],
        ["retry", "--outcome", "gone", "--older-than", "long"],
        ["retry", "--failed", "--platform", "x"],
        ["retry", "--failed", "--dry-run"],
        ["list", "--outcome", "vanished"],
        ["list", "--platform", "vimeo"],
    ],
)
def test_wrong_use_is_exit_code_2(bookmarkai: BookmarkAI, arguments: list[str]) -> None:
    """Names are checked, and options that would be ignored are refused."""
    ended = bookmarkai("shares", *arguments)
    assert (ended.code, ended.out) == (2, "")


def test_shares_are_listed_by_outcome(bookmarkai: BookmarkAI, catalog: OpenCatalog) -> None:
    """Several outcomes add up; a status and a platform narrow the list."""
    gone = add_failed(catalog, X.format(1), Outcome.GONE)
    blocked = add_failed(catalog, TIKTOK.format(1), Outcome.BLOCKED, retry_in=1)
    add_failed(catalog, TIKTOK.format(2), Outcome.LIVE)

    def listed(*arguments: str) -> set[str]:
        return {share["id"] for share in bookmarkai("shares", "list", "--json", *arguments).json}

    both = ("--outcome", "gone", "--outcome", "blocked")
    assert listed(*both) == {gone, blocked}
    assert listed(*both, "--status", "pending") == {blocked}
    assert listed(*both, "--platform", "x") == {gone}
