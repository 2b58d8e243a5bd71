"""Set up the log of this process."""

from functools import lru_cache

from bookmarkai_assets.settings.logs import LogFormat


def set_up_logs(log_format: LogFormat) -> None:
    """Print the log as the setting says. With `text`, every program prints it as it always has."""
    if log_format is not LogFormat.JSON:
        return
    from bookmarkai_assets.adapters.json_logs import JsonFormatter, set_up_json_logs  # noqa: PLC0415 - only JSON needs it
    from bookmarkai_assets.core.log_ids import current_ids  # noqa: PLC0415 - as above
    from bookmarkai_assets.core.redaction import make_redaction  # noqa: PLC0415 - as above
    from bookmarkai_assets.settings.known_secrets import known_secrets  # noqa: PLC0415 - as above

    redaction = lru_cache(maxsize=1)(make_redaction)

    def redact(text: str) -> str:
        # What is known is asked for at each line, because the log is set up before the settings are read.
        return redaction(known_secrets())(text)

    set_up_json_logs(JsonFormatter(redact=redact, ids=current_ids))
