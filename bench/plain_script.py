"""The script that a user would write instead of this project: a loop over links that records and verifies nothing.

Reads {"links", "model", "bucket", "endpoint", "access_key", "secret_key"} as JSON from standard input. Prints the
seconds it took, imports and loading the model included. Stores and reads back the whole video, as plain scripts do.
"""

import json
import sys
import tempfile
import time

start = time.monotonic()

import boto3  # noqa: E402, TID253 - its import is part of the time
import yt_dlp  # noqa: E402, TID253 - as above
from faster_whisper import WhisperModel  # noqa: E402, TID253 - as above

job = json.load(sys.stdin)
model = WhisperModel(job["model"], device="cpu", compute_type="int8")
s3 = boto3.client(
    "s3",
    endpoint_url=job["endpoint"],
    aws_access_key_id=job["access_key"],
    aws_secret_access_key=job["secret_key"],
    region_name="us-east-1",
)
with tempfile.TemporaryDirectory() as home:
    for number, link in enumerate(job["links"]):
        options = {
            "paths": {"home": home},
            "outtmpl": f"{number}.%(ext)s",
            "quiet": True,
            "no_warnings": True,
            "noprogress": True,
        }
        with yt_dlp.YoutubeDL(options) as downloader:
            path = downloader.extract_info(link)["requested_downloads"][0]["filepath"]
        key = f"plain/{time.time_ns()}.mp4"
        s3.upload_file(path, job["bucket"], key)
        s3.download_file(job["bucket"], key, path)
        segments, _ = model.transcribe(path)
        if not " ".join(segment.text for segment in segments):
            sys.exit(f"no speech heard in {link}")
print(time.monotonic() - start)
