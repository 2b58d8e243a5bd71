"""Downloads: their limits, how a site is reached, and how long a batch waits for stragglers."""
