"""Which of our request headers a server refuses, by what it answers. Some servers name it, some do not.

What servers have been seen to answer:

* 400 InvalidArgument, `Unsupported header 'x-amz-checksum-crc32' received for this API call.`
* 501 NotImplemented, `Header 'x-amz-checksum-mode' with value 'ENABLED' not implemented`
* 501 NotImplemented, `Server side encryption specified but KMS is not configured`
* 501 NotImplemented, `Conditional object PUTs are not supported.`
* 501 NotImplemented, `A header you provided implies functionality that is not implemented`, with `<Header>` or without
* 400 or 501 without a body
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Any

DOCUMENTATION = 'docs/storage.md, "What a server must do"'


class Need(StrEnum):
    """What we ask of a server by headers."""

    CHECKSUM = "checksum"
    ENCRYPTION = "encryption"
    CONDITION = "condition"


REMEDIES: Mapping[Need, str] = {
    Need.CHECKSUM: "use a release of the server that verifies CRC64NVME checksums, or another server",
    Need.ENCRYPTION: (
        "let the server encrypt with its own keys (SSE-S3), for which some need a key management service, or use "
        "another server"
    ),
    Need.CONDITION: "use a release of the server that has conditional writes, or another server",
}

_CHECKSUM = "x-amz-checksum-crc64nvme"
_ENCRYPTION = "x-amz-server-side-encryption: AES256"
_CONDITION = "If-None-Match or If-Match"

_SENT: Mapping[str, Mapping[Need, str]] = {
    "PutObject": {Need.CHECKSUM: _CHECKSUM, Need.ENCRYPTION: _ENCRYPTION, Need.CONDITION: _CONDITION},
    "CreateMultipartUpload": {Need.CHECKSUM: "x-amz-checksum-algorithm: CRC64NVME", Need.ENCRYPTION: _ENCRYPTION},
    "UploadPart": {Need.CHECKSUM: _CHECKSUM},
    "CompleteMultipartUpload": {Need.CHECKSUM: _CHECKSUM, Need.CONDITION: _CONDITION},
    "HeadObject": {Need.CHECKSUM: "x-amz-checksum-mode: ENABLED"},
}
"""The headers that each of boto3's operations is sent with, beyond what every S3 server takes."""

_WORDS: Mapping[Need, re.Pattern[str]] = {
    Need.CHECKSUM: re.compile(r"checksum|crc-?64|mp-object-size", re.IGNORECASE),
    Need.ENCRYPTION: re.compile(r"encrypt|\bsse\b|\bkms\b|\baes-?256\b", re.IGNORECASE),
    Need.CONDITION: re.compile(r"\bif-(?:none-)?match\b|\bcondition|\bprecondition", re.IGNORECASE),
}
"""Words by which a refusal says what it is about."""

_HEADER = re.compile(r"\b(?:x-amz-[a-z0-9-]*[a-z0-9]|if-(?:none-)?match)\b", re.IGNORECASE)
_FIELDS = ("Message", "Header", "ArgumentName", "additionalMessage", "AdditionalMessage")
"""The fields of an S3 error that may name a header."""

_VAGUE_CODES = frozenset({"400", "BadRequest", "InvalidArgument", "InvalidRequest"})
"""Codes with which servers refuse headers, and other things too."""


@dataclass(frozen=True)
class Refusal:
    """What to do about a refused header. It is not certain if the answer may have been about something else."""

    remedy: str
    is_certain: bool


def explain_refusal(operation: str, status: int, code: str, details: Mapping[str, Any]) -> Refusal | None:
    """Explain an error answer that is about one of our headers. None if it is not, or if nothing says so.

    `details` are the fields of the answer's `Error`.
    """
    sent = _SENT.get(operation)
    if sent is None:
        return None
    said = " ".join(str(details[name]) for name in _FIELDS if name in details)
    if status == HTTPStatus.FORBIDDEN:
        # Permissions have words such as kms:Decrypt. Only a header's own name says that this is about the header.
        said = " ".join(_HEADER.findall(said))
    named = next((need for need in sent if _WORDS[need].search(said)), None)
    if named is not None:
        header = next((name for name in _HEADER.findall(said) if _WORDS[named].search(name)), sent[named])
        if status == HTTPStatus.FORBIDDEN:
            return Refusal(f"the server does not allow the header {header}: see the bucket's policy", is_certain=True)
        return Refusal(f"the server does not take the header {header}: {_write_remedy(named)}", is_certain=True)
    is_certain = status == HTTPStatus.NOT_IMPLEMENTED or code == "NotImplemented"
    if not is_certain and not (status == HTTPStatus.BAD_REQUEST and code in _VAGUE_CODES):
        return None
    verb = "does" if is_certain else "may"
    *others, last = sent.values()
    if not others:
        [need] = sent
        return Refusal(f"the server {verb} not take the header {last}: {_write_remedy(need)}", is_certain)
    return Refusal(
        f"the server {verb} not take one of the headers {', '.join(others)} and {last}: `bookmarkai storage check` "
        f"tries each by itself; see {DOCUMENTATION}",
        is_certain,
    )


def _write_remedy(need: Need) -> str:
    return f"{REMEDIES[need]}; see {DOCUMENTATION}"
