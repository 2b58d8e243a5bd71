"""LOG_FORMAT=json: every line that a process logs is one JSON object, and none has a secret."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from bookmarkai_assets.core.door.tokens import Scope
from tests.door.conftest import key_of
from tests.door.live_door import live_door
from tests.support.deadlines import HANG_SECONDS

KEY = key_of("guide", Scope.OPERATE)


def lines_of(text: str) -> list[dict[str, Any]]:
    """Return the lines of a log, each of which must be an object with what all have."""
    lines: list[dict[str, Any]] = [json.loads(line) for line in text.splitlines()]
    assert lines
    assert all(line.keys() >= {"timestamp", "level", "logger", "message"} for line in lines)
    return lines


def run_python(program: str, directory: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a program with these settings and an environment of its own."""
    return subprocess.run(
        [sys.executable, "-c", program],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path), "LOG_FORMAT": "json", **settings},
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
        timeout=4 * HANG_SECONDS,
    )


def test_the_door_names_each_request(tmp_path: Path, sqlite_url: str) -> None:
    """From its first line to its last, with neither token nor query."""
    with live_door(tmp_path, CATALOG_URL=sqlite_url, DOOR_TOKENS=KEY.line, LOG_FORMAT="json") as door:
        headers = {"Authorization": f"Bearer {KEY.token}", "X-Request-ID": "my-request"}
        with urlopen(Request(f"{door.url}/api/v1/shares?text=my-words", headers=headers), timeout=HANG_SECONDS):
            pass
        door.process.terminate()
        door.process.wait(HANG_SECONDS)
        log = door.log.read_text()
    opened, request = lines_of(log)
    assert opened["message"] == f"The door is open at {door.url}"
    assert (request["request_id"], request["level"], request["logger"]) == ("my-request", "INFO", "bookmarkai.door")
    assert "GET /shares 200" in request["message"]
    assert not [secret for secret in ("my-words", KEY.token, KEY.line) if secret in log]


def test_a_command_that_fails_says_so_in_a_line(tmp_path: Path) -> None:
    """Its message, without the password that the URL has, as it is and with escapes."""
    program = "import sys; sys.argv[1:] = ['shares', 'list']; from bookmarkai_assets.cli.main import run; run()"
    url = "postgresql://me:hunt%40r2@127.0.0.1:1/media"
    done = run_python(program, tmp_path, CATALOG_URL=url)
    [line] = lines_of(done.stderr)
    assert (done.returncode, done.stdout, line["level"]) == (1, "", "ERROR")
    assert "expected the catalog postgresql+psycopg2://127.0.0.1:1/media to open" in line["message"]
    assert "hunt" not in done.stderr


def test_bad_settings_are_a_line_too(tmp_path: Path) -> None:
    """One with all of them, before anything else is set up."""
    program = "import sys; sys.argv[1:] = ['config']; from bookmarkai_assets.cli.main import run; run()"
    done = run_python(program, tmp_path, STORAGE_MODE="cloud", LEASE_SECONDS="x")
    [line] = lines_of(done.stderr)
    assert "STORAGE_MODE = cloud" in line["message"]
    assert "LEASE_SECONDS = x" in line["message"]


LOGGING = """
import logging, threading, warnings
logging.getLogger("before").addHandler(logging.StreamHandler())
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.logs import set_up_logs
set_up_logs(load_settings(env_file=None).log_format)
logging.getLogger("before").warning("once")
after = logging.getLogger("after")
after.addHandler(logging.StreamHandler())
after.warning("once, with %s", "words")
logging.Logger("outside").warning("once\u2028")
alone = logging.getLoggerClass()("alone")
alone.addHandler(logging.StreamHandler())
alone.warning("once")
after.warning("a mistake %d", "x")
warnings.warn("beware")
secret = "p@ss/w\\u00f6rd-of-mine"
try:
    raise ValueError(f"not {secret} at https://a:b@h/p?{secret}")
except ValueError:
    after.exception("two\\nlines")
def die():
    raise KeyError(secret)
thread = threading.Thread(target=die); thread.start(); thread.join()
raise RuntimeError(secret)
"""


def test_whatever_is_logged_is_a_line_and_is_logged_once(tmp_path: Path) -> None:
    """Handlers of libraries, warnings and uncaught errors included; no traceback has a secret."""
    done = run_python(
        LOGGING, tmp_path, ALERT_WEBHOOK_SECRET="p@ss/wörd-of-mine", PYTHONIOENCODING="utf-8", PYTHONUTF8="1"
    )
    lines = lines_of(done.stderr)
    logged = [(line["logger"], line["message"].partition("\n")[0]) for line in lines]
    assert logged[:5] == [
        ("before", "once"),
        ("after", "once, with words"),
        ("outside", "once\u2028"),
        ("alone", "once"),
        ("after", "a mistake %d ('x',)"),
    ]
    assert [name for name, _ in logged[5:]] == ["py.warnings", "after", "bookmarkai", "bookmarkai"]
    assert [line["exception"].splitlines()[-1] for line in lines[6:]] == [
        "ValueError: not ******** at https://h/p",
        "KeyError: '********'",
        "RuntimeError: ********",
    ]
    assert "of-mine" not in done.stderr
    assert done.returncode == 1


RUN = """
import logging
import dagster as dg
from bookmarkai_assets.settings.logs import LogFormat
from bookmarkai_assets.wiring.logs import set_up_logs
set_up_logs(LogFormat.JSON)

@dg.op
def work(context):
    logging.getLogger("bookmarkai_assets.some").warning("from %s", "python")
    context.log.info("from the step")

@dg.job
def job():
    work()

with dg.DagsterInstance.get() as instance:
    print(job.execute_in_process(instance=instance).run_id)
"""


def test_a_run_of_dagsters_names_itself(tmp_path: Path) -> None:
    """What the pipeline logs and what Dagster says are lines with the run and the step, each once."""
    (tmp_path / "dagster.yaml").write_text(
        "telemetry: {enabled: false}\n"
        "python_logs: {managed_python_loggers: [bookmarkai_assets], python_log_level: INFO}\n"
    )
    done = run_python(RUN, tmp_path, DAGSTER_HOME=str(tmp_path))
    lines = lines_of(done.stderr)
    assert {line["run_id"] for line in lines} == {done.stdout.strip()}
    said = [line for line in lines if " - from " in line["message"]]
    assert [line["message"].rpartition(" - ")[2] for line in said] == ["from python", "from the step"]
    assert {line["step_key"] for line in said} == {"work"}
