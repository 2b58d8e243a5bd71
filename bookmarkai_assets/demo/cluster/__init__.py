"""The cluster on one machine: PostgreSQL, RabbitMQ, and Dagster's processes as deploy/cluster has them."""
