"""Which queries search accepts, and where the matches are in a sentence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookmarkai_assets.core.errors import SearchQueryError
from bookmarkai_assets.core.search.query import SearchQuery, Term, is_match, matches, parse_query
from bookmarkai_assets.core.search.text import tokenize


def all_of(*terms: Term, without: tuple[Term, ...] = ()) -> SearchQuery:
    """Return a query."""
    return SearchQuery(terms, without)


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("cake", all_of(Term(("cake",)))),
        ("  Sugar CAKE sugar", all_of(Term(("sugar",)), Term(("cake",)))),
        ('"sugar free" cake', all_of(Term(("sugar", "free")), Term(("cake",)))),
        ("“sugar free”", all_of(Term(("sugar", "free")))),
        ('bak* "sugar fr"*', all_of(Term(("bak",), is_prefix=True), Term(("sugar", "fr"), is_prefix=True))),
        ('cake -salt -"baking powder" -bu*', None),
        ("don't", all_of(Term(("don", "t")))),
        ("rock & roll - yes", all_of(Term(("rock",)), Term(("roll",)), Term(("yes",)))),
        ('cake"sugar free"', all_of(Term(("cake",)), Term(("sugar", "free")))),
        ("東京*", all_of(Term(("東", "京")))),
        ("a OR b NEAR(c)", all_of(*(Term((w,)) for w in ("a", "or", "b")), Term(("near", "c")))),
    ],
)
def test_a_query_is_parsed(text: str, query: SearchQuery | None) -> None:
    """A query has words, phrases, prefixes and exclusions; punctuation means nothing, and no word is an operator."""
    wanted = query or all_of(
        Term(("cake",)),
        without=(Term(("salt",)), Term(("baking", "powder")), Term(("bu",), is_prefix=True)),
    )
    assert parse_query(text) == wanted


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "found nothing"),
        ("   ", "found nothing"),
        ("?! 🍰", "found no letter or digit"),
        ("-cake", "found only what must not occur"),
        ('cake "sugar', "phrase that begins at character 6, found none"),
        ("c*ke", "found it at character 2"),
        ("*cake", "found it at character 1"),
        ("c*", "at least 2 letters before a star, found 'c'"),
        ("x" * 1001, "at most 1,000 characters to search for, found 1,001"),
        (" ".join(f"w{n}" for n in range(33)), "at most 32 words and phrases to search for, found 33"),
    ],
)
def test_a_malformed_query_is_refused(text: str, found: str) -> None:
    """The message says what was found and what can be searched for."""
    with pytest.raises(SearchQueryError, match=r"^expected ") as refusal:
        parse_query(text)

    assert found in str(refusal.value)


@given(st.text(max_size=60) | st.text(alphabet='ab"*- 東', max_size=30))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    """Nothing that a person can type raises another error, and a parsed query is not empty."""
    try:
        query = parse_query(text)
    except SearchQueryError:
        return
    assert query.required
    assert all(term.words for term in (*query.required, *query.excluded))


@pytest.mark.parametrize(
    ("query_text", "sentence", "marked"),
    [
        ("cake", "A Cake, a pancake: two CAKES.", "A [Cake], a pancake: two CAKES."),
        ("cake*", "A cake, two CAKES.", "A [cake], two [CAKES]."),
        ('"free cake"', "Sugar free—cake!", "Sugar [free—cake]!"),
        ('creme "creme brulee"', "Crème brûlée", "[Crème brûlée]"),
        ('"so so"', "so so so good", "[so so so] good"),
        ("京タ", "東京タワー", "東[京タ]ワー"),
        ('"eat ca"*', "eat cake", "[eat cake]"),
        ("cake -salt", "cake", "[cake]"),
    ],
)
def test_matches_are_marked_at_their_positions(query_text: str, sentence: str, marked: str) -> None:
    """Positions count characters of the sentence as it was written, and never overlap."""
    query = parse_query(query_text)
    shown, last = "", 0
    for start, end in matches(query, sentence):
        assert start >= last
        shown += f"{sentence[last:start]}[{sentence[start:end]}]"
        last = end
    assert shown + sentence[last:] == marked
    assert is_match(query, sentence)


@given(st.text(alphabet="abé東 -'", max_size=20))
def test_a_sentence_is_found_by_its_own_words(sentence: str) -> None:
    """A sentence matches its own words, marked from the first to the last, and does not match without them."""
    words = [found.word for found in tokenize(sentence)]
    if not words:
        return
    query = SearchQuery((Term(tuple(words)),))

    (only,) = matches(query, sentence)

    assert is_match(query, sentence)
    assert only == (next(iter(tokenize(sentence))).start, list(tokenize(sentence))[-1].end)
    assert not is_match(SearchQuery((Term((words[0],)),), (Term((words[-1],)),)), sentence)
