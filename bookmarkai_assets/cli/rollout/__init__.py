"""The commands of `bookmarkai rollout`, one file each."""
