"""The files that the pages need: they are in the package, and served as what they are."""

from importlib.resources import files

import pytest

from tests.support.door_pages import House

PACKAGE = "bookmarkai_assets.door.pages"
TYPES = {
    "door.css": "text/css",
    "player.js": "text/javascript",
    "sha256.js": "text/javascript",
    "upload.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}


def test_every_template_and_file_is_in_the_package() -> None:
    """They are found the way that an installed package is read."""
    root = files(PACKAGE)
    assert {one.name for one in (root / "static").iterdir()} == set(TYPES)
    names = {one.name for one in (root / "templates").iterdir()}
    assert names >= {
        "base.html",
        "library.html",
        "media.html",
        "rollout.html",
        "failures.html",
        "login.html",
        "uploads.html",
    }


@pytest.mark.parametrize(("name", "content_type"), TYPES.items())
def test_a_file_is_served_as_what_it_is(house: House, name: str, content_type: str) -> None:
    """Also to a reader who has not signed in yet, because the page to sign in needs it."""
    house.add_token()
    answer = house.client().get(f"/static/{name}")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(content_type)
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path", ["../views/common.py", "..%2fviews%2fcommon.py", "%2e%2e/rendering.py", "/etc/passwd", ""]
)
def test_nothing_beside_them_is_served(house: House, path: str) -> None:
    """No path leads out of their folder."""
    assert house.client().get(f"/static/{path}").status_code == 404
