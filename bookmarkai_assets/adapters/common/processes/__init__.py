"""Programs of our own that do hostile work in a process per job: `workers` starts one, `fork_server` is its loop."""
