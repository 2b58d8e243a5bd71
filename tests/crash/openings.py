"""How examples begin: an operation in a prepared state where it has something to do, in turn and not by chance.

A few examples should exercise every operation, with each kind of failure that it can meet. This module does not know
what the states are.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import chain, cycle, islice

from bookmarkai_assets.core.media.placement import Backend, StorageMode
from tests.crash.directory_s3 import Fault
from tests.crash.job_names import Job
from tests.crash.jobs import JOBS, Order, decide
from tests.crash.runner import NEVER, Installation, Kill, Tally
from tests.crash.world import NAMES, USERS, World

Faults = Mapping[str, Sequence[Fault]]
Act = Callable[[Installation, Kill, Faults], object]
Operation = Callable[[World], object]

TURNS = 5


@dataclass(frozen=True, eq=False)
class Opening:
    """A state by its name in `prepared`, and what is done there. `faults` and `kill` are drawn if not given."""

    beginning: str
    act: Act
    faults: Faults | None = None
    kill: Kill | None = None


def _run(home: Installation, kind: str, act: Operation, kill: Kill, faults: Faults, words: str = "") -> None:
    # Again while each kill hits a step for the first time: most often there is something left to do.
    for _ in range(TURNS):
        hit = len(home.tally.kills)
        home.run(kind, act, kill=kill, faults=faults, words=words)
        if len(home.tally.kills) == hit:
            return


def _accept(home: Installation, kill: Kill, faults: Faults) -> None:
    _run(home, "accept", lambda world: world.accept(NAMES[:1], USERS[0]), kill, faults)


def _work(home: Installation, kill: Kill, faults: Faults) -> None:
    _run(home, "work", lambda world: world.work(), kill, faults)


def _clean_up(home: Installation, kill: Kill, faults: Faults) -> None:
    _run(home, "clean-up", lambda world: world.clean_up(), kill, faults)


def _store_files(home: Installation, kill: Kill, faults: Faults) -> None:
    # Again and again, because nothing else passes these steps, and each time there is something left to do.
    for _ in range(2 * TURNS):
        late = replace(_rarest(kill), is_noticed_late=True)
        home.run("store files", lambda world: world.store_files(), kill=late, faults=faults)


def _transcribe_again(home: Installation, kill: Kill, faults: Faults) -> None:
    share_ids = [share["id"] for share in home.found.shares]
    for _ in range(TURNS):
        home.run(
            "rematerialize",
            lambda world: world.rematerialize(share_ids, with_download=True),
            kill=replace(kill, is_noticed_late=True),
            faults=faults,
            words="all three",
        )


def _move_out(home: Installation, kill: Kill, faults: Faults) -> None:
    _run(home, "move", lambda world: world.move(world.media_ids(), Backend.S3), kill, faults, "to s3")


def _move_back(home: Installation, kill: Kill, faults: Faults) -> None:
    _run(home, "move", lambda world: world.move(world.media_ids(), Backend.LOCAL), kill, faults, "to local")


def _move_out_and_expire(home: Installation, kill: Kill, faults: Faults) -> None:
    _move_out(home, kill, faults)
    home.pass_time(timedelta(days=9))
    home.expire()


def _lose_the_disk(home: Installation, _kill: Kill, _faults: Faults) -> None:
    home.clean_up_without(Backend.LOCAL)


def _lose_the_bucket(home: Installation, _kill: Kill, _faults: Faults) -> None:
    home.clean_up_without(Backend.S3)


def _watch(home: Installation, job: Job, kill: Kill) -> None:
    # As often as there is a new step to kill at: these are cheap, and few other states have them all.
    # And whatever was drawn: a turn without kills would have to be made up for by many examples.
    for _ in range(TURNS):
        hit = len(home.tally.kills)
        _run(home, job, JOBS[job], _rarest(kill), {})
        if len(home.tally.kills) == hit:
            return


def _decide(home: Installation, order: Order, kill: Kill) -> None:
    _run(home, Job.DECIDE, lambda world: decide(world, order), _rarest(kill), {}, order)


def _rarest(kill: Kill) -> Kill:
    return replace(kill, how="rarest") if kill.how == "never" and kill is not NEVER else kill


def _count_and_ask(home: Installation, kill: Kill, _faults: Faults) -> None:
    _watch(home, Job.MEASURE, kill)
    _watch(home, Job.ASK_GATE, kill)


def _roll_back_and_work(home: Installation, kill: Kill, faults: Faults) -> None:
    _decide(home, Order.ROLLBACK, kill)
    home.set_policy(StorageMode.S3, 100)
    _work(home, kill, faults)
    _decide(home, Order.RESUME, kill)


def _verify_and_tell(home: Installation, kill: Kill, _faults: Faults) -> None:
    for job in (Job.VERIFY, Job.TELL, Job.ASK_GATE, Job.TELL):
        _watch(home, job, kill)
    home.pass_time(timedelta(days=2))
    _watch(home, Job.TELL, kill)


def _forget_events(home: Installation, kill: Kill, _faults: Faults) -> None:
    for job in (Job.FORGET_EVENTS, Job.TELL, Job.FORGET_EVENTS):
        _watch(home, job, kill)


_REFUSED: Faults = {"complete_multipart_upload": (Fault.INTERNAL_ERROR, Fault.SLOW_DOWN)}
_SENT_WRONG: Faults = {"upload_part": (Fault.CORRUPTED,), "put_object": (Fault.CORRUPTED,)}
_RECEIVED_WRONG: Faults = {"get_object": (Fault.CORRUPTED,)}

OPENINGS: tuple[Opening, ...] = (
    Opening("stored", _move_out),
    Opening("to the bucket", _work, _REFUSED),
    Opening("moved", _clean_up),
    Opening("half the media to the bucket", _roll_back_and_work),
    Opening("without files", _store_files),
    Opening("shared by short links", _work),
    Opening("short link to a leased video", _work),
    Opening("in the bucket", _move_back),
    Opening("littered", _clean_up),
    Opening("to the bucket", _work),
    Opening("littered", _lose_the_disk),
    Opening("passed by the gate", _count_and_ask),
    Opening("long ago", _clean_up),
    Opening("stored", _move_out, _REFUSED),
    Opening("to the directory", _work),
    Opening("leased", _clean_up),
    Opening("left in staging", _clean_up),
    Opening("counted long ago", _forget_events),
    Opening("to the bucket", _work, _RECEIVED_WRONG),
    Opening("damaged", _clean_up),
    Opening("returned long ago", _move_out),
    Opening("lost in a stage", _verify_and_tell),
    Opening("changed on the site", _work),
    Opening("in the bucket", _move_back, _RECEIVED_WRONG),
    Opening("untranscribed", _clean_up),
    Opening("nothing", _accept),
    Opening("shared by short links", _work),
    Opening("expired", _clean_up),
    Opening("stored", _move_out, _SENT_WRONG),
    Opening("left in staging", _lose_the_bucket),
    Opening("half fetched", _work),
    Opening("linked out", _clean_up),
    Opening("shared twice", _transcribe_again),
    Opening("to the bucket", _work, _SENT_WRONG),
    Opening("just moved", _clean_up),
    Opening("stale copy", _move_back),
    Opening("leased", _move_back),
    Opening("claimed", _work),
    Opening("short link to a leased video", _work),
    Opening("expiring", _clean_up),
    Opening("littered", _work),
    Opening("halfway", _move_out_and_expire),
    Opening("returned", _clean_up),
    Opening("short link to a leased video", _work),
    Opening("damaged", _move_back),
    Opening("stale copy", _clean_up),
)


class Turns:
    """Chooses the next opening: those in `first`, and then all of them in turn, again and again.

    Once each had its turn, every second opening is one that has passed a step that no kill has hit yet.
    """

    def __init__(self, tally: Tally, first: Sequence[Opening]) -> None:
        self._tally = tally
        self._turns = chain(first, cycle(OPENINGS))
        self._again = cycle(OPENINGS)
        self._passed: dict[Opening, set[str]] = {}
        self._is_again = False

    def next(self) -> Opening:
        """Return the opening to begin with."""
        self._is_again = not self._is_again and self._passed.keys() >= set(OPENINGS)
        if self._is_again:
            for opening in islice(self._again, len(OPENINGS)):
                if not self._passed[opening] <= self._tally.kills.keys():
                    return opening
        return next(self._turns)

    def learn(self, opening: Opening, passed: Collection[str]) -> None:
        """Remember the steps that an opening has passed, or would have passed without its kill."""
        self._passed.setdefault(opening, set()).update(passed)
