"""The rollout: its stages, the gate that judges them, and the metrics that the gate reads."""
