"""One installation, whose operations run one after the other in children that may be killed, each judged afterwards."""

import gc
import json
import logging
import os
import shutil
import signal
import sqlite3
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from typing_extensions import override

from bookmarkai_assets.core.errors import CleanUpRefusedError
from bookmarkai_assets.core.media.placement import Backend, StorageMode
from tests.crash.directory_s3 import DirectoryS3, Fault
from tests.crash.failpoints import FAILPOINTS, is_rare
from tests.crash.jobs import JOBS, Order, decide, measure
from tests.crash.judge import (
    Violation,
    check_recovered,
    check_refusal,
    check_step,
    check_unchanged,
    has_expired_beside,
    is_present,
    media_id,
)
from tests.crash.memory import Memory
from tests.crash.s3_files import BucketFiles
from tests.crash.snapshot import Snapshot, moment, snapshot_of
from tests.crash.steps import Choice, Journal, Steps
from tests.crash.world import (
    BUCKET,
    LEASE,
    NAMES,
    NOON,
    S3_DAYS,
    USERS,
    Clock,
    Conditions,
    Paths,
    Promise,
    World,
    open_world_catalog,
    sha256,
)

HOLD = "hold"
"""The one operation that is not the pipeline's work here: another run takes a lease."""

Act = Callable[[World], Any]


@dataclass(frozen=True)
class Kill:
    """How the step to kill at is chosen from those that the operation would pass.

    "never"; "any" of them, by `fraction`; "rarest", one that the fewest kills have hit; "named", the first whose name
    contains `name`.
    """

    how: str = "never"
    fraction: float = 0.0
    name: str = ""
    is_noticed_late: bool = False
    """Whether the dead process's leases have ended when the next operation begins."""


NEVER = Kill()


@dataclass
class Tally:
    """What all examples together have done."""

    operations: Counter[str] = field(default_factory=Counter)
    kills: Counter[str] = field(default_factory=Counter)
    killed: Counter[str] = field(default_factory=Counter)
    failpoints: set[str] = field(default_factory=set)
    """The steps that were passed or killed at."""
    refusals: int = 0

    def step_to_kill_at(self, kill: Kill, passed: Sequence[str]) -> int | None:
        """Choose one of the steps that an operation passes, by its number from 1. None means no kill."""
        if kill.how == "never" or not passed:
            return None
        # A step that is not listed is new to the machine, and comes before all others; next is what no kill has hit.
        counts = {name: self.kills[name] + (name in FAILPOINTS or is_rare(name)) for name in passed}
        least = min(counts.values())
        is_new = least <= 1
        if kill.how == "rarest" and least > max(4, self.kills.total() / len(self.failpoints)):
            return None  # these have been killed at often enough
        numbers = [n for n, name in enumerate(passed, 1) if (kill.how == "any" and not is_new) or counts[name] == least]
        return numbers[int(kill.fraction * len(numbers))]

    def count(self, kind: str, passed: Sequence[str], killed: Sequence[str]) -> None:
        """Count one operation."""
        self.operations[kind] += 1
        self.kills.update(killed)
        self.killed[kind] += len(killed)
        if kind != HOLD:
            self.failpoints.update(passed)


class Installation:
    """The installation of one example. Whatever an operation breaks is raised as `Violation`, with its history."""

    def __init__(self, home: Path, tally: Tally) -> None:
        self.paths = Paths(home / "root")
        self.tally = tally
        self.violation: str | None = None
        """The first violation, in words."""
        self.passed: set[str] = set()
        """The steps that the operations of the example have passed, or would have if no kill had ended them."""
        self._home = home
        self._saved: dict[str, tuple[Conditions, Memory]] = {}
        self._journal = Journal()
        logging.basicConfig(level=logging.ERROR, handlers=[_JournalHandler(self._journal)], force=True)
        self._world: World | None = None
        self.paths.root.mkdir(parents=True)
        self._catalog = open_world_catalog(self.paths, self._new_id)
        self._catalog.close()
        shutil.copyfile(self.paths.catalog, home / "catalog.template")
        self.reset()
        self._warm_up()
        self.reset()

    def reset(self) -> None:
        """Begin with nothing."""
        shutil.rmtree(self.paths.root, ignore_errors=True)
        for directory in (self.paths.media, self.paths.outside):
            directory.mkdir(parents=True)
        BucketFiles(self.paths.bucket).create()
        shutil.copyfile(self._home / "catalog.template", self.paths.catalog)
        self.conditions = Conditions(NOON)
        self.memory = Memory(NOON)
        self.trace: list[str] = []
        self.observe()

    def save(self, name: str) -> None:
        """Save this state as a beginning for examples."""
        shutil.copytree(self.paths.root, self._home / "templates" / name, symlinks=True)
        self._saved[name] = deepcopy((self.conditions, self.memory))

    def load(self, name: str) -> None:
        """Begin with a saved state."""
        shutil.rmtree(self.paths.root, ignore_errors=True)
        shutil.copytree(self._home / "templates" / name, self.paths.root, symlinks=True)
        self.conditions, self.memory = deepcopy(self._saved[name])
        self.trace = [f"begin {name}"]
        self.passed = set()
        self.observe()

    def observe(self) -> Snapshot:
        """Take a snapshot, after a change that no operation made."""
        self.memory.leased = {m: until for m, until in self.memory.leased.items() if until > self.memory.now}
        self.found = snapshot_of(self.paths)
        self.memory.events.update({row["id"]: row for row in self.found.events})
        self.memory.damaged = {key for key in self.memory.damaged if self._is_damaged(key)}
        return self.found

    def pass_time(self, time: timedelta) -> None:
        """Let time pass."""
        self.memory.now += time
        self.observe()

    def set(self, **changes: Any) -> None:
        """Change the conditions of the next operations."""
        self.conditions = replace(self.conditions, **changes)

    def set_policy(self, mode: StorageMode, percentage: int) -> None:
        """Change where media are placed from now on."""
        self.set(mode=mode, percentage=percentage)
        self.trace.append(f"set {mode} {percentage}%")

    def s3(self) -> DirectoryS3:
        """Return a client of the bucket for the machine itself."""
        return DirectoryS3(self.paths.bucket, BUCKET, clock=Clock(self.memory.now), lifecycle_days=S3_DAYS)

    def run(
        self,
        kind: str,
        act: Act,
        *,
        kill: Kill = NEVER,
        faults: Mapping[str, Sequence[Fault]] | None = None,
        words: str = "",
    ) -> Any:
        """Run one operation in a child and judge what it leaves. Return its result, or None if it was killed."""
        before, began = self.found, self.memory.now
        result = self._do(kind, act, kill, words, faults or {})
        self.memory.now = began + (LEASE * 2 if kill.is_noticed_late else timedelta(seconds=1))
        self.paths.stamp(self.memory.now)
        after = self.observe()
        self._judge(lambda: check_step(kind, before, after, self.memory, began=began))
        return result

    def clean_up_without(self, backend: Backend) -> None:
        """Run a clean-up while a backend looks empty: a disk that is not mounted, or somebody else's endpoint."""
        directory = self.paths.media if backend is Backend.LOCAL else self.paths.bucket
        is_expected = any(
            is_present(row, self.memory.now) and row["placement_backend"] == backend
            for row in self.found.media.values()
        )
        if not is_expected:
            return
        away = directory.with_suffix(".away")
        directory.rename(away)
        if backend is Backend.S3:
            BucketFiles(directory).create()
        else:
            directory.mkdir()
        damaged = set(self.memory.damaged)
        before = self.observe()
        try:
            self._do("clean-up", lambda world: world.clean_up(), NEVER, f"without {backend}", {})
            after = self.observe()
            self._judge(lambda: check_refusal(before, after))
        finally:
            shutil.rmtree(directory)
            away.rename(directory)
        self.memory.damaged = damaged
        self.observe()

    def expire(self) -> None:
        """Apply the bucket's lifecycle rule for the day."""
        gone = self.s3().expire()
        self.memory.expired |= set(gone)
        self.trace.append(f"the bucket expires {gone}")
        self.observe()

    def lease_to_another_run(self, name: str, time: timedelta) -> None:
        """Give a media's lease to another live run, if nobody has it."""
        leased_media = media_id(name)
        leased = {row["media_id"] for row in self.found.leases if (moment(row["expires_at"]) or NOON) > self.memory.now}
        if leased_media in leased:
            return
        self.trace.append(f"another run holds {name} for {time}")
        if not self._do(HOLD, lambda world: world.take_lease(leased_media, time), NEVER, name, {}):
            raise self._violated(f"{name} could not be leased, though nobody has it")
        self.memory.leased[leased_media] = self.memory.now + time
        self.observe()

    def change_on_site(self, name: str) -> None:
        """Change the site's bytes of a video from now on."""
        self.memory.versions[name] += 1
        self.trace.append(f"the site changes {name}")

    def damage(self, name: str, *, is_overwritten: bool) -> None:
        """Have somebody else overwrite or delete the object of a media that has a good local copy."""
        row = self.found.media.get(media_id(name))
        if row is None or not is_present(row, self.memory.now) or not row["video_url"].startswith("s3://"):
            return
        key = row["object_key"]
        if not self.found.holds(str(self.paths.media / key), row["sha256"]) or key not in self.found.objects:
            return
        files, good = BucketFiles(self.paths.bucket), self.found.objects[key]
        if is_overwritten:
            body = bytes(reversed(good.body))
            metadata = {**good.metadata, "sha256": sha256(body), "somebody": "else"}
            files.write(replace(good, body=body, etag='"else"', crc64nvme="", metadata=metadata))
        else:
            files.remove(key)
        self.memory.damaged.add(key)
        self.trace.append(f"somebody else {'overwrites' if is_overwritten else 'deletes'} the object of {name}")
        self.observe()

    def forget_files(self) -> None:
        """Remove the records of all transcripts' files, as in a catalog from before there were any."""
        with closing(sqlite3.connect(self.paths.catalog)) as database, database:
            database.execute("DELETE FROM transcript_files")
        self.trace.append("no transcript's file is on record")
        self.observe()

    def link_out(self) -> None:
        """Have somebody move a day's local copies away and leave a link, where all of them are in the bucket too."""
        days = {Path(path).parent for path in self.found.files}
        for day in sorted(days):
            copies = [path for path in self.found.files if Path(path).parent == day]
            others = [f"s3://{BUCKET}/{Path(path).relative_to(self.paths.media)}" for path in copies]
            is_safe = all(
                other in self.found.recorded and self.found.holds(other, self.found.files[path].sha256)
                for path, other in zip(copies, others, strict=True)
            )
            elsewhere = self.paths.outside / day.name
            if not is_safe or self.memory.leased or elsewhere.exists():
                continue
            day.rename(elsewhere)
            day.symlink_to(elsewhere)
            self.trace.append(f"somebody moves {day} away and links to it")
            self.observe()
            self.memory.outside = dict(self.found.outside)
            return

    def recover(self) -> None:
        """Bring everything to its end, as sensor, clean-up and operator do in time, and check that it is one."""
        self.pass_time(timedelta(days=2))
        self.memory.leased = {}
        for path in self.paths.media.rglob("*"):
            if path.is_symlink():
                path.unlink()
        self.set(mode=StorageMode.HYBRID, percentage=50)
        # Recoveries are killed, too.
        number = self.conditions.number
        kill = Kill("rarest", number % 10 / 10, is_noticed_late=True)
        self.run("clean-up", lambda world: world.clean_up(), kill=kill)
        self.run("work", lambda world: world.work(), kill=kill)
        target = (Backend.LOCAL, Backend.S3)[number % 2]
        self.run("move", lambda world: world.move(world.media_ids(), target), kill=kill, words=f"to {target}")
        self.pass_time(timedelta(days=2))
        damaged = [row["media_id"] for row in self.found.media.values() if row["object_key"] in self.memory.damaged]
        self.run("recovery", lambda world: _work_off(world, damaged))
        # A person's download for a finished share that failed or died has to be repeated by a person.
        staged = {row["media_id"] for row in self.found.media.values() if row["state"] == "staged"}
        if repeated := [share for share, row in self.found.work.items() if row["media_id"] in staged]:
            self.run("recovery", lambda world: world.rematerialize(repeated, with_download=True))
        self._remove_what_is_not_ours()
        self.pass_time(timedelta(days=2))
        self._tidy_up(_tidied)
        self._judge(lambda: check_recovered(self.found))
        first = self.found
        self._tidy_up(_worked_off_and_tidied)
        self._judge(lambda: check_unchanged(first, self.found))

    def _tidy_up(self, act: Act) -> None:
        # Known: verification counts a differing copy as a loss, even where the catalog records the media elsewhere.
        losses = [
            loss
            for url, loss in self.run("recovery", act)
            if url in self.found.recorded and not has_expired_beside(url, self.found, self.memory)
        ]
        if losses:
            raise self._violated(f"verification after recovery found losses: {losses}")

    def _remove_what_is_not_ours(self) -> None:
        for key, found in self.found.objects.items():
            if "somebody" in found.metadata:
                BucketFiles(self.paths.bucket).remove(key)
        self.observe()

    def _do(self, kind: str, act: Act, kill: Kill, words: str, faults: Mapping[str, Sequence[Fault]]) -> Any:
        self.conditions = replace(
            self.conditions,
            now=self.memory.now,
            versions=dict(self.memory.versions),
            faults=faults,
            number=self.conditions.number + 1,
        )
        if kill.how == "named":
            self._act_in_child(kind, act, lambda name, _number: kill.name in name)
        else:
            self._rehearse_and_act(kind, act, kill)
        passed, killed = list(self._journal.read("S")), list(self._journal.read("K"))
        wrong = ", ".join(f"{call}: {'/'.join(kinds)}" for call, kinds in faults.items())
        end = f"| killed at step {len(passed)}: {killed[0]}" if killed else ""
        self.trace.append(" ".join(filter(None, [kind, words, wrong, end])))
        self.tally.count(kind, passed, killed)
        self.memory.acknowledged |= set(self._journal.read(Promise.SHARE))
        self.memory.decided |= set(map(int, self._journal.read(Promise.DECISION)))
        self.memory.alerts.update(self._journal.read(Promise.ALERT))
        self.memory.killed[kind] += bool(killed)
        for error in self._journal.read("E"):
            raise self._violated(f"{kind} failed:\n{error}")
        self.tally.refusals += len(list(self._journal.read("X")))
        return next((json.loads(text) for text in self._journal.read("R")), None)

    def _rehearse_and_act(self, kind: str, act: Act, kill: Kill) -> None:
        """Run an operation to its end and, if one of its steps is worth a kill, run it again from where it began."""
        aside = self._home / "aside"
        if kill.how != "never":
            shutil.copytree(self.paths.root, aside, symlinks=True)
        self._act(act, lambda _name, _number: False)
        passed = list(self._journal.read("S"))
        self.passed.update(passed)
        wanted = self.tally.step_to_kill_at(kill, passed)
        if wanted is not None:
            shutil.rmtree(self.paths.root)
            aside.rename(self.paths.root)
            self._act_in_child(kind, act, lambda _name, number: number == wanted)
        elif kill.how != "never":
            shutil.rmtree(aside)

    def _act_in_child(self, kind: str, act: Act, choose: Choice) -> None:
        pid = os.fork()
        if pid == 0:
            gc.disable()  # it would touch, and so copy, every page of the parent
            try:
                self._act(act, choose)
            finally:
                os._exit(0)
        _, status = os.waitpid(pid, 0)
        is_to_be_killed = any(self._journal.read("K"))
        if status != (signal.SIGKILL if is_to_be_killed else 0):
            raise self._violated(f"{kind} ended with {status}")

    def _act(self, act: Act, choose: Choice) -> None:
        """Run one operation in this process, and write its result to the journal."""
        self._journal.clear()
        steps = Steps(self._journal, choose)
        self._world = World(
            self.paths,
            self._catalog,
            self.conditions,
            on_step=steps.step,
            promise=self._journal.write,
        )
        try:
            with steps.watching(self._catalog):
                self._journal.write("R", json.dumps(act(self._world)))
        except CleanUpRefusedError as refusal:
            self._journal.write("X", str(refusal))
        except Exception:  # noqa: BLE001 - what no operation should raise is a finding like any other
            self._journal.write("E", traceback.format_exc())
        finally:
            self._catalog.close()

    def _judge(self, check: Callable[[], None]) -> None:
        try:
            check()
        except Violation as violation:
            self.violation = str(violation)
            raise

    def _violated(self, finding: str) -> Violation:
        self.violation = finding
        return Violation(finding)

    def _warm_up(self) -> None:
        """Do everything once in this process, so that no child has to import a module or compile a statement."""
        world = self._world = World(self.paths, self._catalog, self.conditions)
        world.accept(NAMES, USERS[0])
        world.work()
        media_ids = [row["media_id"] for row in self.observe().media.values()]
        shares = [share["id"] for share in self.found.shares]
        for backend in (Backend.S3, Backend.LOCAL):
            world.move(media_ids, backend)
        world.store_files()
        world.rematerialize(shares, with_download=True)
        world.rematerialize(shares, with_download=False)
        world.clean_up()
        world.losses()
        for order in Order:
            decide(world, order)
        for do in JOBS.values():
            do(world)
        self._catalog.close()
        self._world = None
        gc.collect()
        gc.freeze()

    def _new_id(self) -> str:
        if self._world is None:
            raise AssertionError("expected ids to be wanted in a child alone")
        return self._world.new_id()

    def _is_damaged(self, key: str) -> bool:
        found = self.found.objects.get(key)
        return any(
            row["state"] == "stored"
            and row["video_url"] == f"s3://{BUCKET}/{key}"
            and not self.found.holds(row["video_url"], row["sha256"])
            for row in self.found.media.values()
        ) or (found is not None and found.metadata.get("somebody") == "else")


def _work_off(world: World, damaged: Sequence[str]) -> None:
    for _ in range(20):
        if not world.work():
            break
    world.store_files()
    if damaged:
        # A copy is left only in the local directory, so an operator moves the record there.
        world.move(damaged, Backend.LOCAL)


def _worked_off_and_tidied(world: World) -> list[tuple[str, str]]:
    _work_off(world, [])
    return _tidied(world)


def _tidied(world: World) -> list[tuple[str, str]]:
    world.clean_up()
    measure(world)
    return world.losses()


@contextmanager
def installation() -> Iterator[Installation]:
    """Yield an installation, in memory if the machine has a file system for that, with its tally at zero."""
    shared_memory = Path("/dev/shm")  # noqa: S108 - a directory of its own is made there
    parent = shared_memory if os.access(shared_memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="bookmarkai-crash-", dir=parent) as home:
        yield Installation(Path(home), Tally())


class _JournalHandler(logging.Handler):
    def __init__(self, journal: Journal) -> None:
        super().__init__()
        self._journal = journal

    @override
    def emit(self, record: logging.LogRecord) -> None:
        self._journal.write("E", self.format(record))
