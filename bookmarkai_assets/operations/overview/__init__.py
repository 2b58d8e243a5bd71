"""What a person asks about the whole pipeline: the figures of its transfers, and where the rollout is."""
