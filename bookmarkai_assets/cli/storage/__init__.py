"""The commands of `bookmarkai storage`, one file each."""
