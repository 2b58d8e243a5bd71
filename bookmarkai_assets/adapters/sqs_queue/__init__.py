"""The queue of the bucket's events in Amazon SQS, or in a server that speaks its API."""

from bookmarkai_assets.adapters.sqs_queue.queue import SqsQueue as SqsQueue
