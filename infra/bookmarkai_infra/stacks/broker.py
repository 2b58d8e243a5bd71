"""The broker: RabbitMQ by Amazon MQ, and the addresses with which Celery finds it and its results.

Celery takes one URL with the password in it. The URLs are put together by CloudFormation from the secrets, when it
deploys, so that no template has a password.
"""

import aws_cdk as cdk
from aws_cdk import aws_amazonmq as mq
from aws_cdk import aws_secretsmanager as secrets
from constructs import Construct

from bookmarkai_infra.names import DATABASE_PORT, PROJECT, Names
from bookmarkai_infra.stacks.data import DataStack
from bookmarkai_infra.stacks.network import ISOLATED, NetworkStack, Part
from bookmarkai_infra.stages import Broker, Stage

RABBITMQ = "3.13"
"""The newest 3.x of Amazon MQ. Celery is tested with 3.10; 4.x takes away what it used."""
_SCHEME = "amqps://"


class BrokerStack(cdk.Stack):
    """The broker and the secret with Celery's URLs."""

    def __init__(
        self,
        scope: Construct,
        *,
        stage: Stage,
        broker: Broker,
        names: Names,
        network: NetworkStack,
        data: DataStack,
        env: cdk.Environment,
    ) -> None:
        super().__init__(scope, names.stack("broker"), env=env, description="BookmarkAI broker: RabbitMQ for Celery")
        password = self._make_password(stage)
        self.broker = self._make_broker(broker, names, network, password)
        self.celery_secret = self._make_urls(stage, password, data)

    def _make_password(self, stage: Stage) -> secrets.Secret:
        return secrets.Secret(
            self,
            "BrokerSecret",
            secret_name=f"{PROJECT}/{stage.name}/broker",
            generate_secret_string=secrets.SecretStringGenerator(
                secret_string_template=f'{{"username": "{PROJECT}"}}',
                generate_string_key="password",
                password_length=32,
                exclude_punctuation=True,  # it becomes part of a URL
            ),
        )

    def _make_broker(
        self, broker: Broker, names: Names, network: NetworkStack, password: secrets.Secret
    ) -> mq.CfnBroker:
        subnets = network.vpc.select_subnets(subnet_group_name=ISOLATED).subnet_ids
        return mq.CfnBroker(
            self,
            "Broker",
            broker_name=names.of("broker"),
            engine_type="RABBITMQ",
            engine_version=RABBITMQ,
            deployment_mode="CLUSTER_MULTI_AZ" if broker.is_cluster else "SINGLE_INSTANCE",
            host_instance_type=broker.instance,
            publicly_accessible=False,
            auto_minor_version_upgrade=True,
            subnet_ids=subnets if broker.is_cluster else subnets[:1],
            security_groups=[network.groups[Part.BROKER].security_group_id],
            logs=mq.CfnBroker.LogListProperty(general=True),
            users=[
                mq.CfnBroker.UserProperty(
                    # A reference that CloudFormation resolves; the template has no secret.
                    username=password.secret_value_from_json("username").unsafe_unwrap(),
                    password=password.secret_value_from_json("password").unsafe_unwrap(),
                )
            ],
        )

    def _make_urls(self, stage: Stage, password: secrets.Secret, data: DataStack) -> secrets.Secret:
        broker_user = password.secret_value_from_json("username").unsafe_unwrap()
        broker_password = password.secret_value_from_json("password").unsafe_unwrap()
        endpoint = cdk.Fn.select(1, cdk.Fn.split(_SCHEME, cdk.Fn.select(0, self.broker.attr_amqp_endpoints)))
        database_user = data.database_secret.secret_value_from_json("username").unsafe_unwrap()
        database_password = data.database_secret.secret_value_from_json("password").unsafe_unwrap()
        broker_url = f"{_SCHEME}{broker_user}:{broker_password}@{endpoint}//"
        results = (
            f"db+postgresql+psycopg2://{database_user}:{database_password}@{data.database.db_instance_endpoint_address}"
            f":{DATABASE_PORT}/{PROJECT}?sslmode=require"
        )
        return secrets.Secret(
            self,
            "CelerySecret",
            secret_name=f"{PROJECT}/{stage.name}/celery",
            description="broker_url and result_backend, for CELERY_BROKER_URL and CELERY_RESULT_BACKEND",
            secret_object_value={
                "broker_url": cdk.SecretValue.unsafe_plain_text(broker_url),
                "result_backend": cdk.SecretValue.unsafe_plain_text(results),
            },
        )
