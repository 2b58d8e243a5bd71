"""`bookmarkai storage presign`: a link to a video that works for a limited time."""

import sys
from datetime import datetime, timedelta
from typing import Annotated

import typer

from bookmarkai_assets.cli.durations import parse_duration
from bookmarkai_assets.cli.hold import command_hold
from bookmarkai_assets.cli.output import share_id_of
from bookmarkai_assets.core.errors import ObjectNotFoundError
from bookmarkai_assets.core.media.media import MediaState, Part
from bookmarkai_assets.core.media.placement import Backend
from bookmarkai_assets.operations.media.catalog_reads import media_of_share
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.storage import make_delivery_network

MAX_LIFETIME = timedelta(days=7)
"""The longest that a signature of version 4 can be valid."""


def presign(
    share_id: Annotated[str, typer.Argument(metavar="ID", help="The share's id")],
    *,
    expires: Annotated[str, typer.Option(help="How long the link works, such as 30s, 15m or 12h; at most 7d")] = "15m",
    audio: Annotated[bool, typer.Option("--audio", help="Link to the audio track instead of the video")] = False,
    cdn: Annotated[
        bool, typer.Option("--cdn", help="Link to CloudFront in front of the bucket (CDN_URL) instead of the bucket")
    ] = False,
) -> None:
    """Print a link with which anybody can fetch the share's video for a limited time. It is not written anywhere else.

    Example: bookmarkai storage presign 6f1c0c8e-5d0f-4c53-9d2c-0a5b8f7e1d11
    """
    wanted = share_id_of(share_id, "ID")
    lifetime = parse_duration(expires, "--expires")
    if not timedelta(seconds=1) <= lifetime <= MAX_LIFETIME:
        raise typer.BadParameter(f"expected 1s to 7d, found {expires}", param_hint="--expires")
    with command_hold("presign") as hold:
        media = media_of_share(hold.catalog, hold.rules, wanted)
        if media is None or media.state is not MediaState.STORED:
            raise ObjectNotFoundError(
                f"expected stored media of share {wanted}, found {media.state if media else 'none'}"
            )
        part = media.audio if audio else media.video
        if part is None:
            raise ObjectNotFoundError(f"expected an audio track of share {wanted}, found a video without sound")
        if cdn:
            link = _link_to_network(wanted, part, until=hold.clock() + lifetime)
        else:
            link = hold.stores.of_url(part.url).presign(part.url, expires_seconds=int(lifetime.total_seconds()))
        if not hold.stores.has(part):
            raise ObjectNotFoundError(f"expected the recorded bytes at {part.url}, found none or others")
    sys.stdout.write(link + "\n")


def _link_to_network(share_id: str, part: Part, *, until: datetime) -> str:
    network = make_delivery_network(load_settings())
    if not Backend.of_url(part.url).is_remote:
        raise ObjectNotFoundError(
            f"expected the recorded bytes in the bucket that CloudFront reads, found them at {part.url}; "
            f"bookmarkai storage move --to s3 --share {share_id} moves them there"
        )
    return network.sign(part.key, until=until)
