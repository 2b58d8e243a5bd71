"""What a worker lets go of after each run."""

import json
import subprocess
import sys

_PROGRAM = """
import gc, json, sys, weakref
from sqlalchemy import create_engine, inspect
from bookmarkai_assets.adapters.celery_worker import forget_dialects

engine = create_engine(sys.argv[1])
inspect(engine).get_columns("shares")
engine.dispose()
dialect = weakref.ref(engine.dialect)
del engine
gc.collect()
is_kept = dialect() is not None
forget_dialects()
gc.collect()
print(json.dumps([is_kept, dialect() is not None]))
"""


def test_what_belonged_to_an_ended_runs_connections_is_let_go(postgres_url: str) -> None:
    """Dagster opens its storage anew for each run. SQLAlchemy alone would keep each run's dialect.

    In a process of its own, because the tests keep statements for all engines.
    """
    done = subprocess.run([sys.executable, "-c", _PROGRAM, postgres_url], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [True, False]
