"""The operators' commands: parse, call an operation, print. Exit codes: 0 done, 1 failed, 2 wrong usage."""
