"""What a stage costs in a month, line by line, from prices.json. `python -m bookmarkai_infra.costs` prints the tables.

An estimate of the order, not a bill: without free tiers, taxes, discounts, and people who watch more than is assumed.
"""

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bookmarkai_infra.stages import STAGES, Nat, Stage

TABLE = Path(__file__).parents[1] / "prices.json"
LOADS = (1_000, 100_000)
"""Shares in a day."""

VIDEO_GB = 0.010
"""Of a short clip with its audio track."""
PUTS, GETS = 8, 4
"""Requests of a share: video, audio, four files of the transcript, two logs; reads of what is transcribed."""
WORK_SECONDS = 3
"""CPU seconds of a warm worker for a share (docs/cluster.md)."""
START_SECONDS = 60
"""Of a Fargate task, from the pull of the image to the first share."""
BATCH = 20
"""The pipeline's SENSOR_BATCH_SIZE."""
SENSOR_SECONDS = 5
WORKER_LOAD = 0.7
VIEWS = 0.2
"""Times that a video is watched through the CDN."""
UPLOADED = 0.05
"""Of all shares."""
LOG_GB_PER_SHARE = 20e-6
BASE_LOG_GB = 2
SERVICES = 5
"""Code server, daemon, two webservers and the door."""
METRICS = 7 + 10 * SERVICES
"""The pipeline's own, and those of Container Insights for each service."""
ALARM_METRICS = 9
IMAGES_GB = 1.4 * 10
BROKER_GB = 200
"""What Amazon MQ gives each node of this size."""
POLLS_PER_SECOND = 0.2
_SECONDS_PER_DAY = 86_400


@dataclass(frozen=True)
class Prices:
    """Prices in USD by name."""

    usd: dict[str, float]
    hours: float
    days: float

    @classmethod
    def read(cls) -> "Prices":
        """Read the table in this repository."""
        table = json.loads(TABLE.read_text())
        usd = {name: float(price["usd"]) for name, price in table["prices"].items()}
        return cls(usd, float(table["hours_per_month"]), float(table["days_per_month"]))

    def fargate_hour(self, cpu: int, memory: int) -> float:
        """Return what a task costs in an hour, given CPU units and MiB."""
        return cpu / 1024 * self.usd["fargate_cpu_hour"] + memory / 1024 * self.usd["fargate_gb_hour"]


@dataclass(frozen=True)
class Line:
    """One line of the bill: what, how it is reckoned, and USD a month."""

    what: str
    how: str
    usd: float


def bill(stage: Stage, shares: int, prices: Prices) -> list[Line]:
    """Return a stage's costs in a month with this many shares a day."""
    parts: tuple[Callable[[Stage, int, Prices], Iterator[Line]], ...] = (_tasks, _network, _stores, _others)
    return [line for part in parts for line in part(stage, shares, prices)]


def total(lines: list[Line]) -> float:
    """Return the sum in USD."""
    return sum(line.usd for line in lines)


def running_hours(stage: Stage, shares: int, prices: Prices) -> float:
    """Return the hours of runs' tasks, or of workers, in a month."""
    if stage.broker is not None:
        needed = shares * WORK_SECONDS / WORKER_LOAD / _SECONDS_PER_DAY
        return max(stage.broker.workers[0], min(stage.broker.workers[1], needed)) * prices.hours
    # A run takes what has come in since the last look of the sensor, one share at least and a batch at most.
    in_a_run = min(BATCH, max(1, shares / _SECONDS_PER_DAY * SENSOR_SECONDS))
    seconds = shares / in_a_run * START_SECONDS + shares * WORK_SECONDS
    return seconds * prices.days / 3600


def _tasks(stage: Stage, shares: int, prices: Prices) -> Iterator[Line]:
    services = [stage.code_size, *[stage.service_size] * (SERVICES - 2), *[stage.service_size] * stage.door_tasks[0]]
    hourly = sum(prices.fargate_hour(size.cpu, size.memory) for size in services)
    yield Line("services", f"{len(services)} tasks for {prices.hours:g} h", hourly * prices.hours)
    hours = running_hours(stage, shares, prices)
    size = stage.run_size
    what = "runs" if stage.broker is None else "workers"
    how = f"{hours:,.0f} h of {size.cpu / 1024:g} vCPU and {size.memory / 1024:g} GB"
    yield Line(what, how, hours * prices.fargate_hour(size.cpu, size.memory))


def _network(stage: Stage, shares: int, prices: Prices) -> Iterator[Line]:
    usd, downloaded = prices.usd, shares * prices.days * VIDEO_GB * (1 - UPLOADED)
    if stage.nat is Nat.GATEWAY:
        fixed = stage.nat_gateways * prices.hours * usd["nat_hour"]
        yield Line("NAT", f"{stage.nat_gateways} gateways, {downloaded:,.0f} GB", fixed + downloaded * usd["nat_gb"])
    else:
        hours = (SERVICES - 1 + stage.door_tasks[0]) * prices.hours + running_hours(stage, shares, prices)
        yield Line("public addresses", f"{hours:,.0f} h", hours * usd["public_ipv4_hour"])
    if stage.is_protected:
        hourly = usd["load_balancer_hour"] + usd["load_balancer_unit_hour"] + 2 * usd["public_ipv4_hour"]
        yield Line("load balancer", "1 with 1 unit and 2 addresses", hourly * prices.hours)
    watched = shares * prices.days * VIEWS
    cdn = watched * VIDEO_GB * usd["cdn_gb"] + watched / 1e4 * usd["cdn_10000_requests"]
    yield Line("CDN", f"{watched * VIDEO_GB:,.0f} GB", cdn)


def _stores(stage: Stage, shares: int, prices: Prices) -> Iterator[Line]:
    usd, monthly = prices.usd, shares * prices.days
    stored = shares * stage.expiry_days * VIDEO_GB
    requests = monthly * (PUTS * usd["s3_put_1000"] + GETS * usd["s3_get_1000"]) / 1000
    yield Line("S3", f"{stored:,.0f} GB, {monthly * PUTS / 1e6:.2f} M puts", stored * usd["s3_gb_month"] + requests)
    if stage.has_acceleration:
        uploaded = monthly * UPLOADED * VIDEO_GB
        yield Line("acceleration", f"{uploaded:,.0f} GB of uploads", uploaded * usd["s3_acceleration_gb"])
    database, copies = stage.database, 2 if stage.database.is_multi_az else 1
    instance = copies * prices.hours * usd[f"database_hour_{database.instance}"]
    storage = copies * database.storage_gb * usd["database_gb_month"]
    yield Line("PostgreSQL", f"{copies} x {database.instance}, {database.storage_gb} GB", instance + storage)
    if stage.has_local_media:
        yield Line("EFS", "1 GB; more while media stay local", usd["efs_gb_month"])
    yield Line("images", f"{IMAGES_GB:g} GB", IMAGES_GB * usd["ecr_gb_month"])


def _others(stage: Stage, shares: int, prices: Prices) -> Iterator[Line]:
    usd, seconds = prices.usd, prices.hours * 3600
    if stage.broker is not None:
        nodes = 3 if stage.broker.is_cluster else 1
        hourly = usd[f"broker_hour_{stage.broker.instance}"]
        broker = nodes * (prices.hours * hourly + BROKER_GB * usd["broker_gb_month"])
        yield Line("RabbitMQ", f"{nodes} x {stage.broker.instance}, {BROKER_GB} GB each", broker)
    messages = 3 * shares * prices.days * UPLOADED + POLLS_PER_SECOND * seconds
    yield Line("events", f"{messages / 1e6:.2f} M requests", messages / 1e6 * usd["sqs_million"])
    logs = BASE_LOG_GB + shares * prices.days * LOG_GB_PER_SHARE
    watching = logs * usd["log_gb"] + METRICS * usd["metric_month"] + ALARM_METRICS * usd["alarm_metric_month"]
    yield Line("CloudWatch", f"{logs:,.0f} GB of logs, {METRICS} metrics, {ALARM_METRICS} in alarms", watching)
    secrets = 3 if stage.broker is None else 5
    yield Line("secrets", str(secrets), secrets * usd["secret_month"])


def tables(prices: Prices) -> str:
    """Return a table for each stage, as Markdown."""
    texts = []
    for stage in STAGES.values():
        rows = [
            f"| {stage.name} | " + " | ".join(f"{shares:,} a day" for shares in LOADS) + " |",
            "| --- | --- | --- |",
        ]
        bills = [bill(stage, shares, prices) for shares in LOADS]
        rows += [
            f"| {lines[0].what} | " + " | ".join(f"{line.usd:,.0f} ({line.how})" for line in lines) + " |"
            for lines in zip(*bills, strict=True)
        ]
        rows.append("| **USD a month** | " + " | ".join(f"**{total(lines):,.0f}**" for lines in bills) + " |")
        texts.append("\n".join(rows))
    return "\n\n".join(texts)


if __name__ == "__main__":
    sys.stdout.write(tables(Prices.read()) + "\n")
