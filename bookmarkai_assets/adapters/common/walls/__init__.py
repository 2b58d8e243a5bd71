"""Walls around a process that reads what strangers sent: Landlock and seccomp, with no library and no privilege.

`raising` is the door. `room` says what stays open, and `readable` what every one of our processes has to read.
`landlock` and `seccomp` each ask the kernel for a wall, by the numbers in `numbers` and the calls in `calls`;
`privileges` gives up what root has. Nothing here knows of downloads or sounds.
"""
