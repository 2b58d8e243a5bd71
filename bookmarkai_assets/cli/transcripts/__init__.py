"""The commands of `bookmarkai transcripts`, one file each."""
