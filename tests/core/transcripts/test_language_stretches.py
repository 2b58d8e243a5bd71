"""Where a language may change, by how likely each language is in pieces of the speech."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from bookmarkai_assets.core.transcripts.language_stretches import (
    MIN_SECONDS,
    Piece,
    Probabilities,
    doubtful_spans,
    find_stretches,
    likelihood_of_change,
    speaks_for_change,
)

SECONDS = 2.5

languages = st.sampled_from(["en", "de", "es", "la"])
likely = st.dictionaries(languages, st.floats(0, 1), min_size=1)


def pieces(*spoken: Mapping[str, float]) -> Sequence[Piece]:
    """Return pieces that follow each other, `SECONDS` long each."""
    return [Piece(at * SECONDS, (at + 1) * SECONDS, probabilities) for at, probabilities in enumerate(spoken)]


def clearly(language: str) -> Probabilities:
    """Return the probabilities of a piece in which a language is clear."""
    return {language: 0.95, "nn": 0.05}


def hears(found: Sequence[Piece]) -> dict[tuple[float, float], Probabilities]:
    """Return what is heard in each span of these pieces: what is heard in most of them."""
    spans = [(one.start, other.end) for at, one in enumerate(found) for other in found[at:]]
    return {
        span: max(
            (piece.probabilities for piece in found if span[0] <= piece.start < span[1]),
            key=lambda probabilities: sum(
                p.probabilities == probabilities for p in found if span[0] <= p.start < span[1]
            ),
        )
        for span in spans
    }


def stretches(*spoken: Probabilities, main: str) -> list[tuple[float, float, str]]:
    """Return the stretches of pieces, each by its start, end and language."""
    found = pieces(*spoken)
    heard = hears(found)
    divided = find_stretches(found, main, lambda start, end: heard[start, end])
    return [(one.start, one.end, one.language) for one in divided]


def test_one_language_is_one_stretch() -> None:
    """Also if some pieces are not clear."""
    unclear = {"en": 0.3, "cy": 0.4}
    assert stretches(clearly("en"), unclear, clearly("en"), main="en") == [(0, 7.5, "en")]


def test_two_languages_are_two_stretches() -> None:
    """The second begins where the first becomes unlikely."""
    spoken = [clearly("en")] * 3 + [clearly("de")] * 3
    assert stretches(*spoken, main="en") == [(0, 7.5, "en"), (7.5, 15, "de")]


def test_a_third_language_is_found_within_what_is_not_the_first() -> None:
    """English, then German, Spanish and German again: whatever is heard in most of the foreign part, all are found."""
    spoken = [clearly("en")] * 2 + [clearly("de")] * 3 + [clearly("es")] * 2 + [clearly("de")] * 2
    assert [one[2] for one in stretches(*spoken, main="en")] == ["en", "de", "es", "de"]


def test_the_whole_may_be_in_another_language_than_was_expected() -> None:
    """The language of what came before does not hold."""
    assert stretches(*[clearly("de")] * 4, main="en") == [(0, 10, "de")]


def test_an_interjection_does_not_change_the_language() -> None:
    """Less than four seconds of another language belong to what is around them."""
    assert stretches(clearly("en"), clearly("de"), clearly("en"), main="en") == [(0, 7.5, "en")]


def test_what_is_in_no_language_changes_nothing() -> None:
    """Noise and music are spread over many languages, none of which is likely; Latin is what cannot be placed."""
    noise = dict.fromkeys(("cy", "nn", "ja", "sv", "haw"), 0.2)
    assert stretches(clearly("en"), noise, noise, clearly("en"), main="en") == [(0, 10, "en")]
    latin = {"la": 1.0}
    assert stretches(clearly("en"), latin, latin, clearly("en"), main="en") == [(0, 10, "en")]


def test_latin_does_not_hide_what_else_is_likely() -> None:
    """If the whole was taken for Latin, it is in the language that is likelier than others throughout."""
    spanish = {"la": 0.6, "es": 0.3, "it": 0.05}
    assert stretches(spanish, spanish, spanish, main="la") == [(0, 7.5, "es")]


def test_what_may_be_several_languages_says_so() -> None:
    """The likeliest comes first; what is less likely than one in ten is left out."""
    unsure = {"yi": 0.4, "de": 0.3, "la": 0.2, "nn": 0.04, "cy": 0.06}
    found = pieces(clearly("en"), unsure, unsure, unsure)
    _, stretch = find_stretches(found, "en", lambda _start, _end: unsure)
    assert list(stretch.likeliest) == ["yi", "de"]
    assert stretch.likeliest["yi"] == 0.5


def test_a_short_passage_in_no_certain_language_is_in_the_main_one() -> None:
    """Under six seconds, a language that is not certain is a mumble or a noise, and no change."""
    unsure, sure = {"yi": 0.5, "de": 0.3}, {"yi": 0.9, "de": 0.1}
    found = pieces(clearly("en"), unsure, unsure)
    assert [stretch.language for stretch in find_stretches(found, "en", lambda _start, _end: unsure)] == ["en"]
    assert [stretch.language for stretch in find_stretches(found, "en", lambda _start, _end: sure)] == ["en", "yi"]


@given(st.lists(likely, min_size=1, max_size=12), languages, st.data())
def test_stretches_have_no_gaps(spoken: list[Probabilities], main: str, data: st.DataObject) -> None:
    """Whatever is heard, they reach from the start to the end, and no two neighbours are in the same language."""
    found = pieces(*spoken)
    divided = find_stretches(found, main, lambda _start, _end: data.draw(likely))
    assert (divided[0].start, divided[-1].end) == (found[0].start, found[-1].end)
    assert all(one.end == other.start and one.language != other.language for one, other in pairwise(divided))


@given(st.lists(likely, max_size=12), languages)
def test_doubtful_spans_are_long(spoken: list[Probabilities], language: str) -> None:
    """The language is doubtful in each of their slices, and likely in those beside them."""
    found = pieces(*spoken)
    for start, end in doubtful_spans(found, language):
        assert end - start >= MIN_SECONDS
        inside = [one for one in found if start <= one.start < end]
        beside = [one for one in found if end == one.start or start == one.end]
        assert all(one.probabilities.get(language, 0) < 0.5 for one in inside)
        assert all(one.probabilities.get(language, 0) >= 0.5 for one in beside)


def test_speech_by_itself_speaks_for_a_change_if_it_is_long_or_certain() -> None:
    """Five seconds in a certain language do, or seven and a half in one that is not."""
    unsure = {"en": 0.1, "de": 0.5}
    assert speaks_for_change(pieces(clearly("de"), clearly("de")), "en")
    assert not speaks_for_change(pieces(clearly("de")), "en")
    assert speaks_for_change(pieces(unsure, unsure, unsure), "en")
    assert not speaks_for_change(pieces(unsure, unsure, clearly("en")), "en")


def test_speech_that_is_heard_in_parts_is_counted_together() -> None:
    """One piece between may be heard in the expected language, and in one the language may hardly be known."""
    spanish, mumbled = {"en": 0.1, "es": 0.5}, {"en": 0.1, "la": 0.4, "es": 0.15}
    assert speaks_for_change(pieces(spanish, clearly("en"), spanish, spanish), "en")
    assert speaks_for_change(pieces(spanish, spanish, mumbled), "en")
    assert not speaks_for_change(pieces(spanish, mumbled, mumbled), "en")


def test_what_cannot_be_placed_speaks_for_no_change() -> None:
    """Noise is spread over many languages. What is taken for Latin is a sound, however little is left for the rest."""
    noise = {"en": 0.1, "de": 0.2, "cy": 0.2, "nn": 0.2, "sv": 0.2}
    latin = {"la": 0.6, "lv": 0.15, "en": 0.1}
    assert not speaks_for_change(pieces(*[noise] * 4), "en")
    assert not speaks_for_change(pieces(*[latin] * 4), "en")


def test_a_language_that_is_still_possible_speaks_for_no_change() -> None:
    """A fifth is enough for that, whatever else is likelier."""
    assert not speaks_for_change(pieces(*[{"en": 0.3, "de": 0.7}] * 4), "en")


def test_a_change_is_likeliest_between_the_languages() -> None:
    """What is before it is in the one and what is after it in the other."""
    english, german = clearly("en"), clearly("de")
    right = likelihood_of_change(english, german, ("en", "de"))
    assert right > likelihood_of_change(english, english, ("en", "de"))
    assert right > likelihood_of_change(german, german, ("en", "de"))
    assert likelihood_of_change({}, {}, ("en", "de")) > -20
