"""The page to upload files in a real browser, into a real bucket of another origin, under its CORS rule."""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect
from pydantic import SecretStr

from bookmarkai_assets.adapters.catalog import open_catalog
from bookmarkai_assets.core.uploads.upload import UploadStatus
from bookmarkai_assets.demo.seaweed import SeaweedServer
from tests.support.browser import CHROMIUM, open_page
from tests.support.door_pages import House, make_house
from tests.support.project import PROJECT
from tests.support.served import serving

pytestmark = pytest.mark.skipif(
    not CHROMIUM.exists(), reason=f"needs {CHROMIUM}, from Debian's package chromium: apt-get install chromium"
)

MEBIBYTE = 1 << 20


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Return a house whose door stands open."""
    directory = tmp_path_factory.mktemp("house")
    with open_catalog(f"sqlite:///{directory / 'catalog.db'}") as catalog:
        yield make_house(catalog, directory)


@pytest.fixture(scope="module")
def url(house: House, seaweed: SeaweedServer, s3_client: Any) -> Iterator[str]:
    """Serve the pages before a bucket that allows them what docs/uploads.md says, and nothing else."""
    app = house.app(
        s3_media_bucket=seaweed.bucket,
        s3_endpoint=seaweed.endpoint,
        s3_access_key=SecretStr(seaweed.access_key),
        s3_secret_key=SecretStr(seaweed.secret_key),
        aws_region=seaweed.region,
        s3_use_path_style=True,
        door_requests_per_minute=100_000,
    )
    page = (PROJECT / "docs" / "uploads.md").read_text("utf-8")
    rules = json.loads(page.partition("```json\n")[2].partition("```")[0])
    with serving(app) as address:
        rules["CORSRules"][0]["AllowedOrigins"] = [address]
        s3_client.put_bucket_cors(Bucket=seaweed.bucket, CORSConfiguration=rules)
        yield address
        s3_client.delete_bucket_cors(Bucket=seaweed.bucket)


@pytest.fixture
def page(url: str) -> Iterator[Page]:
    """Return the page in a browser of its own. What the browser complains of is a failure."""
    with open_page() as opened:
        complaints: list[str] = []
        opened.on("pageerror", lambda error: complaints.append(str(error)))
        opened.on("console", lambda line: complaints.append(line.text) if "Content Security" in line.text else None)
        opened.goto(f"{url}/uploads")
        yield opened
        assert complaints == []


def rows(page: Page) -> Locator:
    """Return the rows of the files."""
    return page.get_by_role("list", name="Files").get_by_role("listitem")


def stored(house: House, s3_client: Any, seaweed: SeaweedServer, name: str) -> bytes:
    """Read the object of the upload with this name."""
    with house.catalog.database.reading() as connection:
        key = connection.exec_driver_sql("SELECT object_key FROM uploads WHERE name = ?", (name,)).scalar_one()
    return bytes(s3_client.get_object(Bucket=seaweed.bucket, Key=key)["Body"].read())


def test_files_are_sent_and_become_shares(
    page: Page, house: House, seaweed: SeaweedServer, s3_client: Any, tmp_path: Path
) -> None:
    """Two at once, of any size: the form's bytes arrive as they are, and each row leads to its share."""
    files = {"one.mp4": os.urandom(3), "two.mkv": os.urandom(5 * MEBIBYTE + 77)}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)

    page.get_by_label("Choose files").set_input_files([tmp_path / name for name in files])

    for name, data in files.items():
        row = rows(page).filter(has_text=name)
        expect(row).to_contain_text("is uploaded")
        assert hashlib.sha256(stored(house, s3_client, seaweed, name)).digest() == hashlib.sha256(data).digest()
    expect(page.get_by_role("status")).to_have_text("two.mkv: is uploaded")
    page.get_by_role("link", name="one.mp4").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("one.mp4")


def test_a_large_file_goes_on_after_a_broken_network_and_a_reload(
    page: Page, url: str, house: House, seaweed: SeaweedServer, s3_client: Any, tmp_path: Path
) -> None:
    """A part that is cut off is sent again. After a reload, only what is missing is sent."""
    data = os.urandom(66 * MEBIBYTE)
    file = tmp_path / "large.mp4"
    file.write_bytes(data)
    cut: list[str] = []
    parts: list[str] = []

    def on_part(route: Route) -> None:
        part = route.request.url.partition("partNumber=")[2].partition("&")[0]
        if route.request.method != "PUT":
            route.continue_()
        elif not cut:
            cut.append(part)
            route.abort("connectionreset")
        elif len(parts) < 2:
            parts.append(part)
            route.continue_()
        else:
            route.abort("internetdisconnected")

    page.route("**/*partNumber=*", on_part)
    page.get_by_label("Choose files").set_input_files(file)
    expect(rows(page)).to_contain_text("waiting: the bucket cannot be reached")
    upload = house.catalog.uploads.of_content(
        hashlib.sha256(data).hexdigest(), user_id=house.settings.door_user_id, statuses={UploadStatus.AWAITING}
    )[0]

    def arrived() -> set[str]:
        found = s3_client.list_parts(Bucket=seaweed.bucket, Key=upload.key, UploadId=upload.multipart_id)
        return {str(part["PartNumber"]) for part in found.get("Parts", [])}

    while len(arrived()) < 2:
        page.wait_for_timeout(100)
    before = arrived()

    page.on("dialog", lambda dialog: dialog.accept())
    page.unroute("**/*partNumber=*")
    sent: list[str] = []
    page.on(
        "request",
        lambda request: (
            sent.append(request.url.partition("partNumber=")[2].partition("&")[0]) if request.method == "PUT" else None
        ),
    )
    page.goto(f"{url}/uploads")
    page.get_by_label("Choose files").set_input_files(file)
    expect(rows(page)).to_contain_text("is uploaded")

    assert before.isdisjoint(sent)
    assert stored(house, s3_client, seaweed, "large.mp4") == data


def test_a_file_that_is_refused_says_why(page: Page, tmp_path: Path) -> None:
    """The others go on."""
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "good.mp4").write_bytes(b"something")
    page.get_by_label("Choose files").set_input_files([tmp_path / "empty.mp4", tmp_path / "good.mp4"])
    expect(rows(page).filter(has_text="empty.mp4")).to_contain_text("failed")
    expect(rows(page).filter(has_text="good.mp4")).to_contain_text("is uploaded")


def test_a_file_is_stopped_with_the_keyboard(page: Page, house: House, tmp_path: Path) -> None:
    """The button is reached by Tab, and the upload is given up."""
    data = os.urandom(66 * MEBIBYTE)
    (tmp_path / "stopped.mp4").write_bytes(data)
    page.route("**/*partNumber=*", lambda route: route.abort("internetdisconnected"))
    page.get_by_label("Choose files").set_input_files(tmp_path / "stopped.mp4")
    expect(rows(page)).to_contain_text("waiting")
    page.get_by_label("Choose files").focus()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Stop stopped.mp4")).to_be_focused()

    with page.expect_response("**/give-up"):
        page.keyboard.press("Enter")

    expect(rows(page)).to_contain_text("was stopped")
    [upload] = house.catalog.uploads.of_content(
        hashlib.sha256(data).hexdigest(), user_id=house.settings.door_user_id, statuses={UploadStatus.ABANDONED}
    )
    assert upload.status == "abandoned"
