"""Put the stacks of a stage together."""

import json
from pathlib import Path

import aws_cdk as cdk

from bookmarkai_infra.installation import Installation
from bookmarkai_infra.names import Names
from bookmarkai_infra.stacks.broker import BrokerStack
from bookmarkai_infra.stacks.compute import ComputeStack
from bookmarkai_infra.stacks.data import DataStack
from bookmarkai_infra.stacks.media import MediaStack
from bookmarkai_infra.stacks.network import NetworkStack
from bookmarkai_infra.stacks.watch import WatchStack
from bookmarkai_infra.stages import Stage

ROOT = Path(__file__).parents[1]


def read_feature_flags() -> dict[str, object]:
    """Return the context of cdk.json."""
    context: dict[str, object] = json.loads((ROOT / "cdk.json").read_text())["context"]
    return context


def new_app(**context: object) -> cdk.App:
    """Return an app within Python with cdk.json's context, as the CDK's command line would hand it over, and more."""
    return cdk.App(context={**read_feature_flags(), **context}, analytics_reporting=False)


def command_line_app() -> cdk.App:
    """Return the app that the CDK's command line has started this process for, with its context."""
    return cdk.App(analytics_reporting=False)


def build(app: cdk.App, stage: Stage, installation: Installation) -> cdk.App:
    """Put the stacks of one stage into an app, ready to be synthesized, and return it."""
    names = Names(stage.name, installation.account)
    env = cdk.Environment(account=installation.account, region=installation.region)
    media = MediaStack(app, stage=stage, installation=installation, names=names, env=env)
    network = NetworkStack(app, stage=stage, names=names, has_entrance=installation.entrance is not None, env=env)
    data = DataStack(app, stage=stage, names=names, network=network, env=env)
    broker = None
    if stage.broker is not None:
        broker = BrokerStack(app, stage=stage, broker=stage.broker, names=names, network=network, data=data, env=env)
    ComputeStack(
        app,
        stage=stage,
        installation=installation,
        names=names,
        network=network,
        media=media,
        data=data,
        broker=broker,
        env=env,
    )
    WatchStack(app, stage=stage, installation=installation, names=names, env=env)
    cdk.Tags.of(app).add("project", names.project_tag)
    cdk.Tags.of(app).add("stage", stage.name)
    return app
