"""The corpus of settings that stop the start, and what an operator reads."""

import pytest

from bookmarkai_assets.core.errors import ConfigurationError
from bookmarkai_assets.settings.settings import Settings, load_settings
from tests.support.corpus import Case, cases_of

PASSWORD = "hunter2"


@pytest.mark.parametrize("case", cases_of("settings.toml", "refused"), ids=lambda case: case["name"])
def test_a_bad_setting_stops_the_start_by_name(monkeypatch: pytest.MonkeyPatch, case: Case) -> None:
    """The message names each bad variable with its value, and no password."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in case["environment"].items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError) as caught:
        load_settings(env_file=None)
    for words in case["said"]:
        assert words in str(caught.value)
    assert PASSWORD not in str(caught.value)
