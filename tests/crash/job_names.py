"""The names of the jobs that watch and keep books, as the trace and the judge have them."""

from enum import StrEnum


class Job(StrEnum):
    """A job that changes no media. An operator's order about the rollout counts as one."""

    VERIFY = "verify"
    MEASURE = "measure"
    ASK_GATE = "ask the gate"
    DECIDE = "decide"
    TELL = "tell"
    FORGET_EVENTS = "forget events"
