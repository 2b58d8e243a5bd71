"""A rogue: a process that tries to break out of the walls around downloads, in ways that do no harm where it can.

`attempts` says what an attempt is, `files`, `network` and `processes` list them. `program` tries them all in a process
of its own, with or without walls, and `trial` runs it and compares the two.
"""
