"""The `bookmarkai doctor` command and the checks that it runs."""
