"""Read price tables from JSON files: the shipped one, or an operator's own. Costs are computed in `core`."""

from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from bookmarkai_assets.core.errors import ConfigurationError
from bookmarkai_assets.core.rollout.costs import PriceTable
from bookmarkai_assets.core.text_files import NotTextError, read_lines

SHIPPED_PRICES = Path(__file__).parents[1] / "prices" / "s3.json"
"""S3 Standard in us-east-1, with its source and date."""

_Price = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_Text = Annotated[str, Field(min_length=1)]


class _PriceFile(BaseModel):
    """The file's fields. All but the note are required. Unknown ones are forbidden, to catch misspelt prices."""

    model_config = ConfigDict(extra="forbid", strict=True)

    source: _Text
    as_of: date
    region: _Text
    currency: Literal["USD"]
    storage_gb_month: _Price
    put_per_1000: _Price
    get_per_1000: _Price
    transfer_out_gb: _Price
    note: str = ""


def read_price_table(path: Path = SHIPPED_PRICES) -> PriceTable:
    """Read a price table. Raises `ConfigurationError`, which names the file and everything that is wrong in it."""
    try:
        text = "\n".join(read_lines(path.read_bytes()))
    except OSError as error:
        raise ConfigurationError(
            f"expected a price table in the file {path}, found: {error.strerror}; {_REMEDY}"
        ) from error
    except NotTextError as error:
        raise ConfigurationError(f"The price table {path} is not usable: {error}\n{_REMEDY}") from error
    try:
        table = _PriceFile.model_validate_json(text)
    except ValidationError as error:
        problems = "\n".join(_describe(problem) for problem in error.errors())
        raise ConfigurationError(f"The price table {path} is not usable:\n{problems}\n{_REMEDY}") from None
    return PriceTable(**table.model_dump())


_REMEDY = f"correct it after the example of {SHIPPED_PRICES}, or unset ROLLOUT_PRICE_TABLE to use that one"


def _describe(problem: ErrorDetails) -> str:
    field = ".".join(map(str, problem["loc"])) or "the whole file"
    found = "" if problem["type"] in {"missing", "json_invalid"} else f", found {problem['input']!r}"
    return f"  {field}: {problem['msg']}{found}"
