"""Synthesized templates as rules read them. A finding is a text that begins with the resource it is about."""

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from typing_extensions import override

Json: TypeAlias = Any
"""A part of a template. CloudFormation's types are too many to spell out."""


@dataclass(frozen=True)
class Resource:
    """One resource of a template. `properties` is empty if it has none."""

    stack: str
    id: str
    body: Mapping[str, Json]

    @property
    def type(self) -> str:
        """The resource's type, such as AWS::S3::Bucket."""
        return str(self.body["Type"])

    @property
    def properties(self) -> Mapping[str, Json]:
        """The resource's properties."""
        properties: Mapping[str, Json] = self.body.get("Properties", {})
        return properties

    @override
    def __str__(self) -> str:
        return f"{self.stack}/{self.id}"


@dataclass(frozen=True)
class Facts:
    """What the stacks must agree on with the pipeline. `settings` are all variables that something reads."""

    expiry_days: int
    run_log_days: int
    metrics: Collection[str]
    settings: Collection[str]


class Stacks:
    """The templates of one stage, by the last part of their stacks' names."""

    def __init__(self, templates: Mapping[str, Json]) -> None:
        self.templates = templates

    @classmethod
    def read(cls, folder: Path) -> "Stacks":
        """Read what the CDK has written."""
        found = {file.name.removesuffix(".template.json"): file for file in sorted(folder.glob("*.template.json"))}
        return cls({name.rpartition("-")[2]: json.loads(file.read_text()) for name, file in found.items()})

    def resources(self, *types: str) -> Iterator[Resource]:
        """Yield all resources, or those of some types."""
        for stack, template in self.templates.items():
            for id_, body in template["Resources"].items():
                if not types or body["Type"] in types:
                    yield Resource(stack, id_, body)

    def containers(self) -> Iterator[tuple[Resource, Mapping[str, Json]]]:
        """Yield each container with its task definition."""
        for task in self.resources("AWS::ECS::TaskDefinition"):
            for container in task.properties["ContainerDefinitions"]:
                yield task, container

    def statements(self) -> Iterator[tuple[Resource, Mapping[str, Json]]]:
        """Yield each statement of a role's policy, with the policy."""
        for policy in self.resources("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::Role"):
            documents = [policy.properties.get("PolicyDocument")]
            documents += [one["PolicyDocument"] for one in policy.properties.get("Policies", ())]
            for document in filter(None, documents):
                for statement in document["Statement"]:
                    yield policy, statement


Rule: TypeAlias = Callable[[Stacks, Facts], Iterator[str]]


def many(value: Json) -> list[Json]:
    """Return what IAM lets one write as one or several, as a list."""
    return list(value) if isinstance(value, list) else [value]


def text(value: Json) -> str:
    """Return a value as one text, with references as `${Id.Attribute}`, so that it can be searched."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return ",".join(text(one) for one in value)
    if isinstance(value, Mapping):
        if "Ref" in value:
            return f"${{{value['Ref']}}}"
        if "Fn::GetAtt" in value:
            return f"${{{'.'.join(value['Fn::GetAtt'])}}}"
        if "Fn::Join" in value:
            separator, parts = value["Fn::Join"]
            return str(separator).join(text(part) for part in parts)
        return ",".join(f"{key}={text(one)}" for key, one in value.items())
    return str(value)


def strings(value: Json) -> Iterator[str]:
    """Yield every text within a part of a template, joined where the template joins them."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        if "Fn::Join" in value:
            yield text(value)
        else:
            for one in value.values():
                yield from strings(one)
    elif isinstance(value, list):
        for one in value:
            yield from strings(one)
