"""Reads the corpus of what sites and people send, and has a site answer as its cases say."""

import gzip
import itertools
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tests.support.hostile_files import hostile_file
from tests.support.hostile_site import Answer, HostileSite
from tests.support.project import PROJECT

Case = Mapping[str, Any]
"""One entry of a corpus file, as its head explains it."""

_CORPUS = PROJECT / "tests" / "corpus"
_PIECE = b"\0" * 65_536


def cases_of(file: str, kind: str = "case") -> list[Case]:
    """Return the cases of one kind in a corpus file."""
    cases: list[Case] = tomllib.loads((_CORPUS / file).read_text(encoding="utf-8"))[kind]
    return cases


def text_of(fields: Case, key: str) -> str:
    """Return a text of a case, padded as its `tail` says, which counts where it says `{n}`."""
    tail, times = str(fields.get("tail", "")), fields.get("tail_times", 0)
    padding = "".join(tail.replace("{n}", str(n)) for n in range(times)) if "{n}" in tail else tail * times
    return str(fields.get(key, "")) + padding + str(fields.get("end", ""))


def serve_case(case: Case, site: HostileSite, *, root: str, private: str) -> str:
    """Have the site answer as a case says, below `root`, and return the link to share."""
    names = {"{here}": site.url(root), "{private}": private, "{site}": site.url("")}
    for spec in case.get("answers", ()):
        site.serve(root + spec.get("path", "/v.mp4"), _answer(spec, site, names))
    return _filled(case.get("link", "{here}/v.mp4"), names)


def _answer(spec: Case, site: HostileSite, names: Mapping[str, str]) -> Answer | None:
    if spec.get("silent"):
        return None
    if "file" in spec:
        body = hostile_file(spec["file"], private=names["{private}"])
    else:
        body = _filled(text_of(spec, "body"), names).encode()
    if spec.get("gzip"):
        body = gzip.compress(body, 1)
    headers = [(name, _filled(value, names)) for name, value in spec.get("headers", ())]
    if spec.get("gzip"):
        headers.append(("Content-Encoding", "gzip"))
    headers += [("X-Filler", "x" * 60_000)] * spec.get("filler_headers", 0)
    headers += [("Set-Cookie", f"c{n}={'x' * 3000}; Path=/") for n in range(spec.get("cookies", 0))]
    kept = body[: round(len(body) * spec.get("kept", 1))]
    is_open = spec.get("is_open", False)
    return Answer(
        status=spec.get("status", 200),
        content_type=spec.get("type", "video/mp4" if "file" in spec else "text/html; charset=utf-8"),
        body=lambda: _blocks(kept, site, spec),
        declared_bytes=spec.get("declared_bytes", None if is_open else len(body)),
        headers=tuple(headers),
        is_raw=spec.get("is_raw", False),
    )


def _blocks(body: bytes, site: HostileSite, spec: Case) -> Iterable[bytes]:
    if spec.get("endless"):
        return itertools.chain((body,), itertools.repeat(_PIECE))
    if "drip_seconds" in spec:
        return _drip(body, site, spec["drip_seconds"])
    return (body,)


def _drip(body: bytes, site: HostileSite, seconds: float) -> Iterator[bytes]:
    for byte in itertools.chain(body, itertools.repeat(0)):
        yield bytes([byte])
        if site.is_closing.wait(seconds):
            return


def _filled(text: str, names: Mapping[str, str]) -> str:
    for name, value in names.items():
        text = text.replace(name, value)
    return text
