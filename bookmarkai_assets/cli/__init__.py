"""The operators' commands: parse, call an operation, print. Exit code 0 done, 1 failed, 2 wrong use."""
