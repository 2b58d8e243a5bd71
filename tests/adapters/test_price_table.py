"""Price tables in files: the one that is shipped, and possible mistakes in an operator's own."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from bookmarkai_assets.adapters.price_table import SHIPPED_PRICES, read_price_table
from bookmarkai_assets.core.errors import ConfigurationError
from bookmarkai_assets.core.rollout.costs import PriceTable

GOOD: dict[str, Any] = {
    "source": "our contract",
    "as_of": "2026-02-28",
    "region": "eu-central-1",
    "currency": "USD",
    "storage_gb_month": 0.0245,
    "put_per_1000": 0.0054,
    "get_per_1000": 0.00043,
    "transfer_out_gb": 0,
}


def write_table(directory: Path, table: object) -> Path:
    """Write a price table as JSON."""
    path = directory / "prices.json"
    path.write_text(json.dumps(table))
    return path


def test_the_shipped_prices_say_where_they_are_from() -> None:
    """The shipped table has S3 Standard's prices in us-east-1, with their source and date."""
    table = read_price_table()
    assert (table.storage_gb_month, table.put_per_1000, table.get_per_1000) == (0.023, 0.005, 0.0004)
    assert (table.transfer_out_gb, table.region, table.currency) == (0.09, "us-east-1", "USD")
    assert table.as_of == date(2026, 9, 28)
    assert "AmazonS3" in table.source


def test_another_table_may_be_used(tmp_path: Path) -> None:
    """An operator's own table is read as it is; the note may be left out, and a price may be zero."""
    assert read_price_table(write_table(tmp_path, GOOD)) == PriceTable(
        "our contract", date(2026, 2, 28), "eu-central-1", "USD", 0.0245, 0.0054, 0.00043, 0
    )


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_a_table_of_any_system_is_read(tmp_path: Path, encoding: str) -> None:
    """Editors on Windows put a byte order mark before the text, or write UTF-16."""
    path = tmp_path / "prices.json"
    path.write_bytes(json.dumps(GOOD, indent=1).replace("\n", "\r\n").encode(encoding))
    assert read_price_table(path).region == "eu-central-1"


def test_a_table_that_is_no_text_is_refused(tmp_path: Path) -> None:
    """The error names the file and says what to do."""
    path = tmp_path / "prices.json"
    path.write_bytes(b"PK\x03\x04" + bytes(100))
    with pytest.raises(ConfigurationError, match="expected text, found") as caught:
        read_price_table(path)
    assert str(path) in str(caught.value)
    assert "ROLLOUT_PRICE_TABLE" in str(caught.value)


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("storage_gb_month", -0.1, "greater than or equal to 0, found -0.1"),
        ("put_per_1000", "0.005", "valid number, found '0.005'"),
        ("get_per_1000", float("nan"), "finite number, found nan"),
        ("transfer_out_gb", None, "valid number, found None"),
        ("as_of", "last year", "valid date"),
        ("currency", "EUR", "'USD', found 'EUR'"),
        ("source", "", "at least 1 character"),
        ("storage_gb_mouth", 1, "not permitted"),
    ],
)
def test_a_bad_field_is_named(tmp_path: Path, field: str, value: object, expected: str) -> None:
    """The error names the file, the field, what was expected, what was found, and what to do."""
    path = write_table(tmp_path, {**GOOD, field: value})
    with pytest.raises(ConfigurationError) as refused:
        read_price_table(path)
    message = str(refused.value)
    assert str(path) in message
    [line] = [line for line in message.splitlines() if line.startswith(f"  {field}: ")]
    assert expected in line
    assert str(SHIPPED_PRICES) in message


def test_all_bad_fields_are_named_at_once(tmp_path: Path) -> None:
    """Two wrong fields and a missing one are one message."""
    table = {**GOOD, "put_per_1000": -1, "currency": "EUR"}
    del table["as_of"]
    with pytest.raises(ConfigurationError, match=r"(?s)as_of: Field required.*currency: .*put_per_1000: "):
        read_price_table(write_table(tmp_path, table))


def test_a_file_that_is_no_table_is_refused(tmp_path: Path) -> None:
    """Text that is no JSON, JSON that is no object, and a missing file are each refused with the file's name."""
    path = tmp_path / "prices.json"
    with pytest.raises(ConfigurationError, match=r"prices\.json, found: No such file"):
        read_price_table(path)
    path.write_text("{")
    with pytest.raises(ConfigurationError, match=r"(?s)prices\.json is not usable.*Invalid JSON"):
        read_price_table(path)
    with pytest.raises(
        ConfigurationError, match=r"(?s)prices\.json is not usable.*the whole file: .*object, found \[\]"
    ):
        read_price_table(write_table(tmp_path, []))
    with pytest.raises(ConfigurationError, match="Is a directory"):
        read_price_table(tmp_path)
