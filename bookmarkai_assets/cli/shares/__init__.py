"""The commands of `bookmarkai shares`, one file each."""
