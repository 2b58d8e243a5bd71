"""Which names a post spells, as far as capitals show them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookmarkai_assets.core.media.media import UNTITLED, VideoInfo
from bookmarkai_assets.core.transcripts.names import MAX_CHARACTERS, MAX_NAMES, names_in_post

posts = st.text(max_size=200) | st.text("aB cD.#@_'\n7", max_size=200)


def post(title: str = UNTITLED, author: str | None = None, description: str | None = None) -> VideoInfo:
    """Return what a site says of a video."""
    return VideoInfo(title, author, description, None, "TikTok", 12.5, 720, 1280)


@pytest.mark.parametrize(
    ("title", "names"),
    [
        ("How I upscale images with ComfyUI and SDXL", ["ComfyUI", "SDXL"]),
        ("ComfyUI in ten minutes", ["ComfyUI"]),
        ("A day with Ana Ruiz in New York", ["Ana Ruiz", "New York"]),
        ("Today Dr. Maria Gonzalez shows her lab", ["Dr Maria Gonzalez"]),
        ("Baking is fun. Bread is better", []),
        ("I'm sure that I've seen it", []),
        ("10 Things You Should Know About Bread", []),
        ("10 Things You Should Know About NASA And ComfyUI", ["NASA", "ComfyUI"]),
        ("THIS IS CRAZY", []),
        ("a cake by Baker, a baker", []),
        ("東京タワーに行く", []),
    ],
)
def test_names_are_what_has_capitals_for_no_other_reason(title: str, names: list[str]) -> None:
    """Not the first word of a sentence, nor words in headlines, nor those that the post also has without a capital."""
    assert list(names_in_post(post(title))) == names


@pytest.mark.parametrize(
    ("tag", "names"),
    [
        ("#NewYorkCity", ["New York City"]),
        ("#ComfyUI", ["ComfyUI"]),
        ("#NASA", ["NASA"]),
        ("#fyp #cooking", []),
        ("#iPhone15Pro", ["iPhone 15Pro"]),
        ("@ana_ruiz88", ["Ana Ruiz"]),
        ("@SebKamph", ["Seb Kamph"]),
        ("@MrBeast6000", ["MrBeast"]),
    ],
)
def test_hashtags_and_handles_are_split_at_capitals(tag: str, names: list[str]) -> None:
    """A hashtag without any is no name; a handle is one in any case."""
    assert list(names_in_post(post(description=f"see {tag}"))) == names


def test_the_likeliest_to_be_said_come_first() -> None:
    """The title's, then hashtags and handles, the author, and the description's. None comes twice."""
    info = post(
        "a visit to Lake Tahoe", "kara.nate", "more of Emerald Bay with @SebKamph #LakeTahoe and of Lake Tahoe itself"
    )
    assert list(names_in_post(info)) == ["Lake Tahoe", "Seb Kamph", "Kara Nate", "Emerald Bay"]


def test_links_and_addresses_are_no_names() -> None:
    """Their capitals mean nothing."""
    info = post("watch https://www.Foo.com/BarBaz now", None, "mail Me.Too@Foo.com or see www.Foo.com")
    assert list(names_in_post(info)) == []


def test_a_video_without_a_title_has_no_name() -> None:
    """What stands in its place is not the post's."""
    assert list(names_in_post(post())) == []


def test_there_are_only_so_many() -> None:
    """A description of a thousand names is cut; the title's are kept."""
    crowd = " and ".join(f"McName{chr(65 + number % 26)}{chr(65 + number // 26)}x" for number in range(500))
    names = names_in_post(post("all about ComfyUI", None, f"we know {crowd}"))
    assert names[0] == "ComfyUI"
    assert 2 < len(names) <= MAX_NAMES
    assert len(", ".join(names)) <= MAX_CHARACTERS


@given(posts, st.none() | posts, st.none() | posts)
def test_nothing_of_a_post_is_more_than_a_name(title: str, author: str | None, description: str | None) -> None:
    """No text becomes one of Whisper's own marks, such as <|de|>; there are few names, short, and each only once."""
    names = names_in_post(post(title, author, description))
    assert all(re.fullmatch(r"[\w '’.&-]{2,40}", name) for name in names)  # noqa: RUF001 - typographic apostrophe
    assert len({name.casefold() for name in names}) == len(names) <= MAX_NAMES
    assert len(", ".join(names)) <= MAX_CHARACTERS
