"""What stacks are made of: roles, tasks, the entrance."""
