"""What operators load into Prometheus and Grafana names only what is exported, parses, and mirrors the alerts."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from typing import Any

import promql_parser
import pytest
import yaml  # type: ignore[import-untyped]

from bookmarkai_assets.adapters.catalog import OpenCatalog
from bookmarkai_assets.adapters.prometheus import OPENMETRICS
from bookmarkai_assets.core.alerts.conditions import AlertKind
from bookmarkai_assets.core.monitoring.families import FAMILIES, FamilyKind
from tests.support.monitoring import fill, page_of, parse
from tests.support.project import PROJECT

RULES = PROJECT / "deploy" / "prometheus" / "rules.yml"
DASHBOARD = PROJECT / "deploy" / "grafana" / "dashboard.json"
PAGE = PROJECT / "docs" / "monitoring.md"
ROWS = ("Backlog", "Success and latency", "Rollout", "Storage", "Sites", "Cost")
_PARTS = ("lhs", "rhs", "expr", "vector_selector", "param")


@pytest.fixture
def exported(sqlite_catalog: OpenCatalog) -> Mapping[str, Mapping[str, set[str]]]:
    """Return the values of each label of each sample that a full catalog exports, by the samples' names."""
    fill(sqlite_catalog)
    found: dict[str, dict[str, set[str]]] = {}
    for family in parse(page_of(sqlite_catalog).render(OPENMETRICS)[1]):
        for sample in family.samples:
            labels = found.setdefault(sample.name, {})
            for name, value in sample.labels.items():
                labels.setdefault(name, set()).add(value)
    return found


def alerts() -> list[dict[str, Any]]:
    """Return the rules."""
    document = yaml.safe_load(RULES.read_text(encoding="utf-8"))
    return [rule for group in document["groups"] for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    """Return the dashboard's panels, rows included."""
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    return found


def queries() -> dict[str, str]:
    """Return every query of the rules and the dashboard, by what it is of."""
    of_panels = {
        f"panel {panel['title']}, {target['refId']}": target["expr"]
        for panel in panels()
        for target in panel.get("targets", ())
    }
    return {f"alert {rule['alert']}": rule["expr"] for rule in alerts()} | of_panels


def parts_of(expression: Any) -> Iterator[Any]:
    """Walk a parsed query."""
    yield expression
    for name in _PARTS:
        part = getattr(expression, name, None)
        if part is not None:
            yield from parts_of(part)
    for argument in getattr(expression, "args", ()):
        yield from parts_of(argument)


def test_there_are_queries() -> None:
    """The tests below look at all of them: a rule for each alert and more, and several panels in each row."""
    assert len([name for name in queries() if name.startswith("alert")]) > len(AlertKind)
    assert len([name for name in queries() if name.startswith("panel")]) >= 4 * len(ROWS)


@pytest.mark.parametrize("name", queries())
def test_a_query_asks_for_what_is_exported(name: str, exported: Mapping[str, Mapping[str, set[str]]]) -> None:
    """It parses, and each metric, label and value that it names is on the page of a catalog that has data."""
    parsed = list(parts_of(promql_parser.parse(queries()[name])))

    selectors = [part for part in parsed if isinstance(part, promql_parser.VectorSelector)]
    assert selectors
    labels: set[str] = {"le"}
    for selector in selectors:
        assert selector.name is not None
        assert selector.name in exported, f"{selector.name} is not exported"
        labels |= exported[selector.name].keys()
        for matcher in selector.matchers.matchers:
            values = exported[selector.name][matcher.name]
            is_pattern = matcher.op in (promql_parser.MatchOp.Re, promql_parser.MatchOp.NotRe)
            wanted = matcher.value.split("|") if is_pattern else [matcher.value]
            assert values & set(wanted), f"{selector.name} has no {matcher.name} of {wanted}"
    grouped = {
        label
        for part in parsed
        if isinstance(part, promql_parser.AggregateExpr) and part.modifier
        for label in part.modifier.labels
    }
    assert grouped <= labels


def test_text_names_only_labels_that_its_query_keeps() -> None:
    """A summary or a legend with a label that the query has aggregated away would be empty there."""
    texts = {f"alert {rule['alert']}": str(rule["annotations"]) for rule in alerts()} | {
        f"panel {panel['title']}, {target['refId']}": target["legendFormat"]
        for panel in panels()
        for target in panel.get("targets", ())
    }
    for name, text in texts.items():
        named = set(re.findall(r"\{\{ *(?:\$labels\.)?(\w+)(?: *\}\})", text))
        kept = {label for labels in re.findall(r"by \(([^)]*)\)", queries()[name]) for label in labels.split(", ")}
        assert named <= kept, name


def test_every_alert_of_the_pipeline_has_a_rule() -> None:
    """Each kind of alert is mirrored by exactly one rule, which says what to do."""
    mirrored = [rule["labels"]["mirrors"] for rule in alerts() if "mirrors" in rule["labels"]]

    assert sorted(mirrored) == sorted(AlertKind)
    assert all(rule["annotations"].keys() == {"summary", "next_step"} for rule in alerts())
    assert {rule["labels"]["severity"] for rule in alerts()} == {"critical", "warning"}


def test_rates_ask_for_a_least_sample() -> None:
    """A rule that divides counts, where one failure of one would be 100%, also asks for how many there must be."""
    of_counts = [rule["expr"] for rule in alerts() if re.search(r"increase\(.*/", rule["expr"], re.DOTALL)]

    assert len(of_counts) == 1
    assert all(re.search(r"and .*increase\(.*>= \d\d", expression) for expression in of_counts)


def test_promtool_agrees() -> None:
    """Prometheus's own tool accepts the rules, and they go off for the made-up series as they should."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed: Debian's package is prometheus")
    for command in (["check", "rules", "rules.yml"], ["test", "rules", "rules_test.yml"]):
        done = subprocess.run([promtool, *command], cwd=RULES.parent, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_made_up_series_try_every_rule() -> None:
    """Each rule has a case in which it goes off, over series that name metrics which are exported."""
    document = yaml.safe_load(RULES.with_name("rules_test.yml").read_text(encoding="utf-8"))
    went_off = {
        case["alertname"] for test in document["tests"] for case in test["alert_rule_test"] if "exp_alerts" in case
    }
    quiet = {
        case["alertname"] for test in document["tests"] for case in test["alert_rule_test"] if "exp_alerts" not in case
    }

    assert went_off == {rule["alert"] for rule in alerts()}
    assert quiet <= went_off
    named = {re.split(r"[{ ]", series["series"])[0] for test in document["tests"] for series in test["input_series"]}
    assert named <= {family.name for family in FAMILIES} | {"bookmarkai_build_info"}


def test_the_dashboard_can_be_imported() -> None:
    """Its rows are those of the page, every panel takes the data source that the importer chooses, and none overlap."""
    document = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    variables = {variable["name"]: variable["type"] for variable in document["templating"]["list"]}

    assert variables == {"datasource": "datasource"}
    assert [panel["title"] for panel in panels() if panel["type"] == "row"] == list(ROWS)
    assert len({panel["id"] for panel in panels()}) == len(panels())
    cells: set[tuple[int, int]] = set()
    for panel in panels():
        place = panel["gridPos"]
        own = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not own & cells
        assert place["x"] + place["w"] <= 24
        cells |= own
        sources = [panel.get("datasource"), *(target["datasource"] for target in panel.get("targets", ()))]
        if panel["type"] != "row":
            assert all(source == {"type": "prometheus", "uid": "${datasource}"} for source in sources)


def test_the_dashboard_shows_every_metric() -> None:
    """Whatever is exported can be seen."""
    shown = " ".join(queries().values())

    assert [family.name for family in FAMILIES if family.name not in shown] == []


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_names_keep_to_prometheuss_conventions(family: Any) -> None:
    """A prefix, snake case, base units, `_total` for counters and for nothing else, and no label that names anybody."""
    assert re.fullmatch(r"bookmarkai(_[a-z0-9]+)+", family.name)
    assert family.name.endswith("_total") is (family.kind is FamilyKind.COUNTER)
    assert not re.search(
        r"_(count|sum|bucket|created|info|ms|milliseconds|minutes|hours|kb|mb|gb|percent)$", family.name
    )
    assert family.meaning.endswith(".")
    assert not {"share", "share_id", "user", "user_id", "url", "title", "host", "instance", "job", "le"} & {
        *family.labels
    }


def test_the_page_has_the_table_of_all_metrics() -> None:
    """Name, type, labels and meaning on the page are those of the code."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    table = [line for line in lines if line.startswith("| `bookmarkai_")]

    assert table == [
        f"| `{f.name}` | {f.kind} | {', '.join(f'`{label}`' for label in f.labels) or '-'} | {f.meaning} |"
        for f in FAMILIES
    ] + [line for line in table if line.startswith("| `bookmarkai_build_info`")]
    assert len(table) == len(FAMILIES) + 1
