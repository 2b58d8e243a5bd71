"""The rollout: measure, decide, plan, and read the policy in force."""
