"""What happens to an installation, as rules of a state machine: operations with their kills and faults, and mishaps.

Every rule can always be chosen, and does nothing where there is nothing to do. A choice that depended on the state
would depend on where the kills before it happened.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from typing_extensions import override

from bookmarkai_assets.core.media.placement import Backend, StorageMode
from tests.crash.directory_s3 import Fault
from tests.crash.job_names import Job
from tests.crash.jobs import JOBS, Order, decide
from tests.crash.openings import Faults, Turns
from tests.crash.runner import Installation, Kill
from tests.crash.world import NAMES, USERS

Policy = tuple[StorageMode, int]

names = st.sampled_from(NAMES)
# Integers, because Hypothesis prefers special floats, and zero above all.
kills = st.builds(
    Kill,
    st.sampled_from([*["rarest"] * 5, *["any"] * 3, *["never"] * 2]),
    st.integers(0, 99).map(lambda percent: percent / 100),
    is_noticed_late=st.sampled_from([True, True, False]),
)
first_kills = st.builds(
    Kill,
    st.sampled_from(["rarest", "rarest", "rarest", "never"]),
    st.integers(0, 99).map(lambda percent: percent / 100),
    is_noticed_late=st.sampled_from([True, True, False]),
)
policies = st.tuples(st.sampled_from(list(StorageMode)), st.sampled_from([0, 50, 100]))
_UPLOADS = ("put_object", "upload_part")
_ASKS = ("abort_multipart_upload", "head_object", "list_objects_v2", "list_multipart_uploads")
_FAULTS = [
    *[(call, fault) for call in _UPLOADS for fault in Fault],
    *[(call, Fault.CORRUPTED) for call in (*_UPLOADS, "get_object", "get_object", "get_object")],
    *[("upload_part", fault) for fault in (Fault.CORRUPTED, Fault.SLOW_DOWN, Fault.INTERNAL_ERROR)],
    *[("complete_multipart_upload", fault) for fault in (Fault.INTERNAL_ERROR, Fault.ANSWER_LOST, Fault.REPEATED)],
    *[("create_multipart_upload", fault) for fault in (Fault.SLOW_DOWN, Fault.ANSWER_LOST)],
    *[("get_object", fault) for fault in (Fault.SLOW_DOWN, Fault.TRUNCATED)],
    *[(call, Fault.SLOW_DOWN) for call in _ASKS],
]


def _by_call(drawn: Sequence[tuple[str, Fault]]) -> Faults:
    """Return the faults by call, with at most one corrupted download, because two in a row look like damage."""
    once = [d for n, d in enumerate(drawn) if d != ("get_object", Fault.CORRUPTED) or d not in drawn[:n]]
    return {call: [fault for other, fault in once if other == call] for call, _ in once}


faults = st.lists(st.sampled_from(_FAULTS), max_size=2).map(_by_call)
mishaps = st.sampled_from(
    [
        lambda home, name: home.lease_to_another_run(name, timedelta(hours=1)),
        lambda home, name: home.lease_to_another_run(name, timedelta(hours=40)),
        lambda home, name: home.change_on_site(name),
        lambda home, name: home.damage(name, is_overwritten=True),
        lambda home, name: home.damage(name, is_overwritten=False),
        lambda home, _name: home.link_out(),
        lambda home, _name: home.clean_up_without(Backend.LOCAL),
        lambda home, _name: home.clean_up_without(Backend.S3),
    ]
)


class CrashMachine(RuleBasedStateMachine):
    """Works on one installation, `home`, which each example begins again with the next of `turns`."""

    home: ClassVar[Installation]
    turns: ClassVar[Turns]

    @initialize(kill=first_kills, faults=faults)
    def begin(self, kill: Kill, faults: Faults) -> None:
        """Start from a prepared state, with an operation that has something to do there."""
        opening = self.turns.next()
        self.home.load(opening.beginning)
        opening.act(self.home, opening.kill or kill, faults if opening.faults is None else opening.faults)
        self.turns.learn(opening, self.home.passed)

    @rule(name=names, user=st.sampled_from(USERS), kill=kills)
    def accept(self, name: str, user: str, kill: Kill) -> None:
        """A user shares a link."""
        self.home.run("accept", lambda world: world.accept([name], user), kill=kill, words=name)

    @rule(name=names, policy=policies, kill=kills, faults=faults)
    def work(self, name: str, policy: Policy, kill: Kill, faults: Faults) -> None:
        """The sensor ticks and its runs do their work. If all shares are done, somebody shares a link first."""
        if all(share["status"] == "done" for share in self.home.found.shares):
            self.home.run("accept", lambda world: world.accept([name], USERS[1]), words=name)
        self.home.set_policy(*policy)
        self.home.run("work", lambda world: world.work(), kill=kill, faults=faults)

    @rule(backend=st.sampled_from([Backend.LOCAL, Backend.S3]), kill=kills, faults=faults)
    def move(self, backend: Backend, kill: Kill, faults: Faults) -> None:
        """An operator moves everything."""
        self.home.run(
            "move",
            lambda world: world.move(world.media_ids(), backend),
            kill=kill,
            faults=faults,
            words=f"to {backend}",
        )

    @rule(policy=policies, kill=kills, faults=faults, is_full=st.booleans())
    def rematerialize(self, policy: Policy, kill: Kill, faults: Faults, is_full: bool) -> None:
        """An analyst materializes every share again, under another policy."""
        share_ids = [share["id"] for share in self.home.found.shares]
        self.home.set_policy(*policy)
        self.home.run(
            "rematerialize",
            lambda world: world.rematerialize(share_ids, with_download=is_full),
            kill=kill,
            faults=faults,
            words="all three" if is_full else "stored_media",
        )

    @rule(kill=kills, faults=faults)
    def clean_up(self, kill: Kill, faults: Faults) -> None:
        """The daily clean-up runs."""
        self.home.run("clean-up", lambda world: world.clean_up(), kill=kill, faults=faults)

    @rule(job=st.sampled_from(list(JOBS)), kill=kills)
    def watch(self, job: Job, kill: Kill) -> None:
        """A job looks at what is there and keeps its books."""
        self.home.run(job, JOBS[job], kill=kill)

    @rule(order=st.sampled_from(list(Order)), kill=kills)
    def decide(self, order: Order, kill: Kill) -> None:
        """An operator decides about the rollout."""
        self.home.run(Job.DECIDE, lambda world: decide(world, order), kill=kill, words=order)

    @rule(hours=st.sampled_from([1, 7, 26, 50, 100, 200]), is_expiring=st.booleans())
    def pass_time(self, hours: int, is_expiring: bool) -> None:
        """Hours pass, and the bucket's rule may be applied."""
        self.home.trace.append(f"{hours} hours pass")
        self.home.pass_time(timedelta(hours=hours))
        if is_expiring:
            self.home.expire()

    @rule(mishap=mishaps, name=names)
    def meet_mishap(self, mishap: Callable[[Installation, str], None], name: str) -> None:
        """Somebody else does something."""
        mishap(self.home, name)

    @override
    def teardown(self) -> None:
        if self.home.violation is None:
            self.home.recover()
