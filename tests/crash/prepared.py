"""States with which examples begin, reached by the operations themselves, so that no example depends on luck."""

from datetime import timedelta

from bookmarkai_assets.core.media.placement import Backend, StorageMode
from tests.crash.job_names import Job
from tests.crash.jobs import JOBS, Order, decide
from tests.crash.runner import Installation, Kill
from tests.crash.world import NAMES, USERS


def prepare(installation: Installation) -> None:
    """Reach each state, some by way of others that come before them, and save it by its name."""
    makers = {
        "nothing": lambda _: None,
        "to the directory": _to_the_directory,
        "to the bucket": _to_the_bucket,
        "shared by short links": _shared_by_short_links,
        "short link to a leased video": _short_link_to_a_leased_video,
        "claimed": _claimed,
        "half fetched": _half_fetched,
        "changed on the site": _changed_on_the_site,
        "untranscribed": _untranscribed,
        "stored": _stored,
        "without files": _without_files,
        "shared twice": _shared_twice,
        "long ago": _long_ago,
        "halfway": _halfway,
        "littered": _littered,
        "just moved": _just_moved,
        "moved": _moved,
        "leased": _leased,
        "linked out": _linked_out,
        "expiring": _expiring,
        "damaged": _damaged,
        "in the bucket": _in_the_bucket,
        "left in staging": _left_in_staging,
        "stale copy": _stale_copy,
        "returned": _returned,
        "returned long ago": _returned_long_ago,
        "expired": _expired,
        "half the media to the bucket": _half_the_media_to_the_bucket,
        "passed by the gate": _passed_by_the_gate,
        "lost in a stage": _lost_in_a_stage,
        "counted long ago": _counted_long_ago,
    }
    for name, make in makers.items():
        installation.reset()
        make(installation)
        installation.save(name)


def _to_the_directory(installation: Installation) -> None:
    installation.run("accept", lambda world: world.accept(NAMES[:2], USERS[0]))


def _to_the_bucket(installation: Installation) -> None:
    installation.load("to the directory")
    installation.set_policy(StorageMode.S3, 100)


def _shared_by_short_links(installation: Installation) -> None:
    """Nobody has followed the short links yet."""
    installation.run("accept", lambda world: world.accept(NAMES[:2], USERS[1]))


def _short_link_to_a_leased_video(installation: Installation) -> None:
    """Another run has a lease on the video that the short link turns out to lead to."""
    installation.run("accept", lambda world: world.accept(NAMES[:1], USERS[1]))
    installation.lease_to_another_run(NAMES[0], timedelta(hours=1))


def _claimed(installation: Installation) -> None:
    """A sensor has died before it launched the runs for its claims."""
    _accept_and_die(installation, "commit after in SqlWorkLedger.claim")


def _stored(installation: Installation) -> None:
    installation.load("to the directory")
    installation.run("work", lambda world: world.work())


def _without_files(installation: Installation) -> None:
    """The transcripts are from before there were files, and one media is in the bucket."""
    installation.load("stored")
    installation.pass_time(timedelta(hours=1))
    installation.run("move", lambda world: world.move(world.media_ids()[:1], Backend.S3))
    installation.forget_files()


def _shared_twice(installation: Installation) -> None:
    """Each transcription makes the files of another share's transcript; older ones stay where the media was before."""
    installation.run("accept", lambda world: world.accept(NAMES[:1], USERS[0]))
    installation.run("accept", lambda world: world.accept(NAMES[:1], USERS[1]))
    installation.run("work", lambda world: world.work())
    installation.run("work", lambda world: world.work())
    installation.run("move", lambda world: world.move(world.media_ids(), Backend.S3))
    installation.pass_time(timedelta(hours=1))


def _just_moved(installation: Installation) -> None:
    installation.load("stored")
    installation.pass_time(timedelta(days=3))
    _move(installation, Backend.S3)


def _moved(installation: Installation) -> None:
    installation.load("stored")
    _move(installation, Backend.S3)
    installation.pass_time(timedelta(days=2))


def _in_the_bucket(installation: Installation) -> None:
    installation.load("moved")
    installation.run("clean-up", lambda world: world.clean_up())
    installation.set(mode=StorageMode.S3)


def _returned(installation: Installation) -> None:
    installation.load("in the bucket")
    installation.set(mode=StorageMode.LOCAL)
    _move(installation, Backend.LOCAL)
    installation.pass_time(timedelta(hours=3))


def _returned_long_ago(installation: Installation) -> None:
    """What the move out of the bucket has left there is about to expire."""
    installation.load("returned")
    installation.pass_time(timedelta(days=5))


def _halfway(installation: Installation) -> None:
    installation.load("stored")
    installation.pass_time(timedelta(days=2))
    _move(installation, Backend.S3, killed_before="record_stored")


def _untranscribed(installation: Installation) -> None:
    installation.run("accept", lambda world: world.accept(NAMES[:1], USERS[0]))
    installation.run("work", lambda world: world.work(), kill=Kill("named", name="SqlTranscriptTable.put"))
    installation.pass_time(timedelta(days=5))


def _littered(installation: Installation) -> None:
    installation.load("stored")
    _move(installation, Backend.S3, killed_before="complete_multipart_upload")
    installation.pass_time(timedelta(hours=1))
    installation.run("accept", lambda world: world.accept(NAMES[2:], USERS[1]))
    installation.run("work", lambda world: world.work(), kill=Kill("named", name="record_staged"))
    installation.pass_time(timedelta(hours=1))
    installation.run("accept", lambda world: world.accept(NAMES[3:], USERS[1]))
    installation.run("work", lambda world: world.work(), kill=Kill("named", name="replace in write_sidecar"))
    installation.pass_time(timedelta(days=2))


def _half_fetched(installation: Installation) -> None:
    """An attempt has died with its download in staging and not recorded."""
    _accept_and_die(installation, "commit before in SqlMediaLedger.record_staged")


def _changed_on_the_site(installation: Installation) -> None:
    """A put has died before it was recorded, and the next download will be of other bytes."""
    _accept_and_die(installation, "commit before in SqlMediaLedger.record_stored")
    installation.change_on_site(NAMES[0])


def _stale_copy(installation: Installation) -> None:
    """What that put has left is beside the recorded media."""
    installation.load("changed on the site")
    installation.set_policy(StorageMode.S3, 100)
    installation.run("work", lambda world: world.work())


def _left_in_staging(installation: Installation) -> None:
    """A move has died during a download from the bucket."""
    installation.load("in the bucket")
    _move(installation, Backend.LOCAL, killed_before="S3Store.get")
    installation.pass_time(timedelta(days=2))


def _leased(installation: Installation) -> None:
    """Other runs have leases on media whose local copies could be deleted."""
    installation.load("moved")
    for name in NAMES[:2]:
        installation.lease_to_another_run(name, timedelta(hours=40))


def _accept_and_die(installation: Installation, step: str) -> None:
    installation.run("accept", lambda world: world.accept(NAMES[:1], USERS[0]))
    installation.run("work", lambda world: world.work(), kill=Kill("named", name=step))
    installation.pass_time(timedelta(hours=1))


def _long_ago(installation: Installation) -> None:
    installation.load("stored")
    installation.pass_time(timedelta(days=5))


def _expiring(installation: Installation) -> None:
    installation.load("moved")
    installation.pass_time(timedelta(days=4))


def _damaged(installation: Installation) -> None:
    installation.load("expiring")
    installation.damage(NAMES[0], is_overwritten=True)
    installation.damage(NAMES[1], is_overwritten=False)


def _linked_out(installation: Installation) -> None:
    installation.load("moved")
    installation.link_out()


def _expired(installation: Installation) -> None:
    installation.load("in the bucket")
    installation.pass_time(timedelta(days=8))
    installation.expire()


def _half_the_media_to_the_bucket(installation: Installation) -> None:
    """Shares wait, and the rollout is in its first stage."""
    installation.load("to the directory")
    installation.set_policy(StorageMode.HYBRID, 50)
    installation.run(Job.DECIDE, lambda world: decide(world, Order.SET))


def _passed_by_the_gate(installation: Installation) -> None:
    """The first stage has had its time, its uploads went well and nothing is lost: the gate promotes."""
    installation.load("half the media to the bucket")
    installation.run("accept", lambda world: world.accept(NAMES[2:], USERS[0]))
    installation.run("work", lambda world: world.work())
    installation.pass_time(timedelta(hours=3))
    installation.run(Job.VERIFY, JOBS[Job.VERIFY])


def _lost_in_a_stage(installation: Installation) -> None:
    """Somebody has damaged an object since: the gate aborts once a verification has found that."""
    installation.load("moved")
    installation.set_policy(StorageMode.HYBRID, 50)
    installation.run(Job.DECIDE, lambda world: decide(world, Order.SET))
    installation.damage(NAMES[0], is_overwritten=True)
    installation.pass_time(timedelta(hours=1))


def _counted_long_ago(installation: Installation) -> None:
    """Some events are old and counted, others old and not counted yet."""
    installation.load("stored")
    installation.run(Job.MEASURE, JOBS[Job.MEASURE])
    installation.run("move", lambda world: world.move(world.media_ids(), Backend.S3))
    installation.pass_time(timedelta(days=5))


def _move(installation: Installation, target: Backend, *, killed_before: str | None = None) -> None:
    kill = Kill("named", name=killed_before) if killed_before else Kill()
    outcomes = installation.run("move", lambda world: world.move(world.media_ids(), target), kill=kill)
    if outcomes != (None if killed_before else ["moved", "moved"]):
        raise AssertionError(f"expected the move to {target} to go as planned, found {outcomes}")
