"""What programs read of a report: names, order and formats as JSON has them."""

import json
from typing import Any


def assert_same_json(found: dict[str, Any], expected: dict[str, Any]) -> None:
    """Compare a report's JSON form with what is promised: every key and value, and the order of the keys."""
    assert found == expected
    assert json.dumps(found) == json.dumps(expected), "the keys are in another order, or a value is of another type"
