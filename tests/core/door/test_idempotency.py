"""What is kept of an Idempotency-Key."""

from hypothesis import assume, given
from hypothesis import strategies as st

from bookmarkai_assets.core.door.idempotency import kept_key

_parts = st.tuples(st.text(), st.text(), st.text(), st.integers(0, 99))


@given(_parts, _parts)
def test_two_requests_never_keep_the_same(one: tuple[str, str, str, int], other: tuple[str, str, str, int]) -> None:
    """Another caller, user, key or place keeps something else, and the same keeps the same."""
    assume(one != other)

    def kept(parts: tuple[str, str, str, int]) -> str:
        caller, user_id, key, number = parts
        return kept_key(caller, user_id, key, number)

    assert kept(one) == kept(one)
    assert kept(one) != kept(other)
    assert len(kept(one)) == 69


def test_parts_do_not_run_into_each_other() -> None:
    """The end of a name is not the beginning of a key."""
    assert kept_key("ab", "c", "d", 0) != kept_key("a", "bc", "d", 0)
    assert kept_key("a", "b", "1", 11) != kept_key("a", "b", "11", 1)
