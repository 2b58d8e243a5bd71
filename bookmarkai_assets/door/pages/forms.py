"""Read the fields of a form that a browser sends."""

from urllib.parse import parse_qs

from starlette.requests import Request

from bookmarkai_assets.door.pages.readers import NotAllowedError

MAX_FORM_BYTES = 8192
"""The longest form that is read: a token or a link, and a path."""

MAX_FIELDS = 10


async def read_form(request: Request) -> dict[str, str]:
    """Return the fields by name, each with its first value. Raises `NotAllowedError` for a form that is too long."""
    body = await request.body()
    if len(body) > MAX_FORM_BYTES:
        raise NotAllowedError(f"The form is longer than {MAX_FORM_BYTES} bytes.")
    fields = parse_qs(body.decode("utf-8", "replace"), max_num_fields=MAX_FIELDS)
    return {name: values[0] for name, values in fields.items()}
