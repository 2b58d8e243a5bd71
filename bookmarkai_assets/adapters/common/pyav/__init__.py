"""Reading strangers' media with PyAV. Only programs with a confined process for each file may import these modules.

`containers` opens a file, `packets` puts its packets on the player's clock, and `samples` decodes its sound.
"""
