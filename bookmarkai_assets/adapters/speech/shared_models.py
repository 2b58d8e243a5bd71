"""Load each model once per process, however many engines use it and however many threads ask for it at once."""

import threading
from collections.abc import Callable, Hashable
from functools import wraps
from typing import TypeVar

Parameters = TypeVar("Parameters", bound=Hashable)
Loaded = TypeVar("Loaded")


def once_per_process(load: Callable[[Parameters], Loaded]) -> Callable[[Parameters], Loaded]:
    """Decorate a function that loads a model: load once for equal parameters, and return the same model from then on.

    Threads that ask meanwhile wait for it. If a load fails, the next call tries again.
    """
    models: dict[Parameters, Loaded] = {}
    loading = threading.Lock()

    @wraps(load)
    def shared(parameters: Parameters) -> Loaded:
        with loading:
            if parameters not in models:
                models[parameters] = load(parameters)
            return models[parameters]

    return shared
