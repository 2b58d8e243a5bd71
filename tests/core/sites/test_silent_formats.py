"""Format families, as they are written and parsed."""

import itertools

import pytest

from bookmarkai_assets.core.sites.silent_formats import Codec, Delivery, FormatFamily


def test_a_family_reads_as_its_codec_and_delivery() -> None:
    """Operators and the catalog see the same words."""
    assert str(FormatFamily(Codec.H265, Delivery.FILE)) == "h265/file"


@pytest.mark.parametrize(("codec", "delivery"), [*itertools.product(Codec, Delivery)])
def test_each_family_survives_being_written(codec: Codec, delivery: Delivery) -> None:
    """`parse` reads what `str` writes, and it fits its column."""
    family = FormatFamily(codec, delivery)
    assert FormatFamily.parse(str(family)) == family
    assert len(str(family)) <= 32


@pytest.mark.parametrize("text", ["", "h265", "h265/", "/file", "h265/file/", "H265/file", "h265/smoke"])
def test_anything_else_is_no_family(text: str) -> None:
    """Any other text is an error."""
    with pytest.raises(ValueError, match="is not a valid"):
        FormatFamily.parse(text)
