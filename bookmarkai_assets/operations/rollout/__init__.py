"""The rollout: measure it, record decisions, forecast stages, and read the policy in force."""
