"""Models are loaded once per process: whichever engines use one, and however many threads ask for it at once."""

import threading
from collections.abc import Callable, Hashable
from functools import wraps
from typing import TypeVar

Parameters = TypeVar("Parameters", bound=Hashable)
Loaded = TypeVar("Loaded")


def once_per_process(load: Callable[[Parameters], Loaded]) -> Callable[[Parameters], Loaded]:
    """Have equal parameters loaded at the first call, and what that gave returned ever after.

    Threads that come meanwhile wait for it. A load that fails is tried again by the next.
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
