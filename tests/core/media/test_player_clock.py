"""Where packets and samples are on the clock that a player shows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookmarkai_assets.core.media.player_clock import PlayerClock, SoundPlacer

PICTURE, SOUND = 0, 1


def times_of(packets: list[tuple[int, float, float]], *, start: float = 0.0, may_jump: bool = True) -> list[float]:
    """Put packets (track, time stamp, duration) on the clock, in the file's order, and return their times."""
    clock = PlayerClock(start, may_jump)
    return [round(stamp + clock.offset_of(track, stamp, duration), 6) for track, stamp, duration in packets]


def sound(first: float, count: int) -> list[tuple[int, float, float]]:
    """Return packets of a second each that follow each other."""
    return [(SOUND, first + number, 1.0) for number in range(count)]


def test_the_clock_begins_at_the_earliest_time_stamp() -> None:
    """Files that begin at another time than zero, as MPEG-TS do, are shown from zero on."""
    assert times_of([(PICTURE, 1.4, 0.04), (SOUND, 1.6, 1.0)], start=1.4) == [0.0, 0.2]


def test_late_sound_stays_late_and_gaps_stay() -> None:
    """Nothing moves as long as time stamps rise."""
    assert times_of([(PICTURE, 0.0, 0.5), (SOUND, 5.0, 1.0), (SOUND, 9.0, 1.0)]) == [0.0, 5.0, 9.0]


def test_a_recording_that_begins_again_follows_the_one_before() -> None:
    """Its first packet is due where the last one of its track ended."""
    assert times_of([*sound(100, 3), *sound(100, 2)], start=100) == [0, 1, 2, 3, 4]


def recording(first: float, *, picture: int, sound: int = 0) -> list[tuple[int, float, float]]:
    """Return the packets of a recording, a tenth of a second each, picture and sound in turn, counted in packets."""
    packets = [(PICTURE, first + 0.1 * number, 0.1) for number in range(picture)]
    packets += [(SOUND, first + 0.1 * number, 0.1) for number in range(sound)]
    return sorted(packets, key=lambda packet: packet[1])


def test_both_tracks_pass_to_the_new_recording_although_their_packets_cross() -> None:
    """A late packet of the old recording is still on the old clock, and the sound stays with the picture."""
    *first, late = recording(10, picture=20, sound=20)
    begin, *rest = recording(10, picture=20, sound=20)
    times = times_of([*first, begin, late, *rest], start=10)
    assert times[len(first) : len(first) + 3] == [2.0, 1.9, 2.0]
    assert times[-1] == pytest.approx(3.9)


def test_no_sound_is_due_before_the_sound_of_the_recording_before_has_ended() -> None:
    """Where the first recording's sound is longer than its picture, the second one's sound waits for it."""
    second = recording(0, picture=20, sound=20)
    times = times_of([*recording(0, picture=20, sound=23), *second])[-len(second) :]
    assert times[:2] == [2.0, 2.3]


def test_an_advertisement_without_sound_takes_its_time() -> None:
    """Its picture moves the clock on, and the sound after it is due that much later, though its time stamps go on."""
    after = recording(5, picture=50, sound=50)
    times = times_of([*recording(0, picture=50, sound=50), *recording(0, picture=150), *after])
    assert times[50 + 50 + 150 : 50 + 50 + 150 + 2] == [20.0, 20.0]
    assert times[-1] == pytest.approx(24.9)


@pytest.mark.parametrize(("may_jump", "expected"), [(True, 1.0), (False, 3600.0)])
def test_a_jump_ahead_is_a_new_recording_where_the_format_has_such(may_jump: bool, expected: float) -> None:
    """In MP4 and Matroska the time stamps count, and a jump is a gap."""
    assert times_of([(SOUND, 0.0, 1.0), (SOUND, 3600.0, 1.0)], may_jump=may_jump) == [0.0, expected]


def test_a_gap_in_the_sound_is_no_jump_if_the_picture_went_on() -> None:
    """A minute in which nobody speaks lasts a minute."""
    picture = [(PICTURE, float(second), 1.0) for second in range(60)]
    assert times_of([(SOUND, 0.0, 1.0), *picture, (SOUND, 60.0, 1.0)])[-1] == 60.0


def test_a_track_that_appears_after_a_jump_is_on_the_same_clock() -> None:
    """The first packet of the sound may come when the picture has already jumped."""
    assert times_of([(PICTURE, 0.0, 1.0), (PICTURE, 500.0, 1.0), (SOUND, 500.5, 1.0)]) == [0.0, 1.0, 1.5]
    assert times_of([(PICTURE, 0.0, 1.0), (SOUND, 500.5, 1.0)]) == [0.0, 1.0]


@given(
    recordings=st.lists(
        st.tuples(st.floats(0, 90_000), st.lists(st.floats(0.01, 0.1), min_size=5, max_size=30)), min_size=1, max_size=5
    )
)
def test_joined_recordings_follow_one_another(recordings: list[tuple[float, list[float]]]) -> None:
    """Whatever their time stamps were, each packet is due about when the one before it ends."""
    packets = []
    for first, durations in recordings:
        for duration in durations:
            packets.append((SOUND, first, duration))
            first += duration  # noqa: PLW2901 - the time stamps of a recording rise
    times = times_of(packets, start=packets[0][1])
    ends = [time + duration for time, (_, _, duration) in zip(times, packets, strict=True)]
    assert times[0] == 0
    assert all(later >= end - 0.2 - 1e-5 for end, later in zip(ends, times[1:], strict=False))
    seconds, most_gaps = sum(duration for _, _, duration in packets), 10.0 * (len(recordings) - 1)
    assert seconds - 0.2 * len(recordings) <= max(ends) + 1e-5 <= seconds + most_gaps + 2e-5


class TestPlacing:
    """Decoded sound between its neighbours."""

    def test_the_first_sound_is_placed_exactly(self) -> None:
        """It may begin late by less than any gap that is filled, and early by what no player plays."""
        assert SoundPlacer().place(0.05, 1.0) == (0.05, 0.0)
        early = SoundPlacer()
        assert early.place(-0.04, 1.0) == (0.0, 0.04)
        assert (early.position, early.skipped) == (0.96, 0.04)

    def test_a_gap_is_silence_and_a_wobble_is_not(self) -> None:
        """Up to a tenth of a second, sound follows directly, because many formats round their time stamps."""
        placer = SoundPlacer()
        placer.place(0.0, 1.0)
        assert placer.place(1.09, 1.0) == (0.0, 0.0)
        assert placer.place(0.0 + 2.5, 1.0) == (0.5, 0.0)
        assert placer.position == 3.5

    def test_small_errors_do_not_add_up(self) -> None:
        """A clock that runs slow by a thousandth is corrected each time it is a tenth of a second off."""
        placer = SoundPlacer()
        for number in range(1000):
            placer.place(number * 1.001, 1.0)
        assert placer.position == pytest.approx(1001, abs=0.11)

    def test_sound_in_the_place_of_other_sound_is_left_out_and_counted(self) -> None:
        """The earlier sound stays."""
        placer = SoundPlacer()
        placer.place(0.0, 2.0)
        assert placer.place(1.5, 1.0) == (0.0, 0.5)
        assert placer.place(1.6, 0.3) == (0.0, 0.3)
        assert placer.position == 2.5
        assert placer.skipped == pytest.approx(0.8)

    def test_sound_without_a_time_follows(self) -> None:
        """Some formats have time stamps for some packets only."""
        placer = SoundPlacer()
        placer.place(1.0, 1.0)
        assert placer.place(None, 1.0) == (0.0, 0.0)
        assert placer.position == 3.0
