"""Downloads: what one may cost, how a site is reached, and how long a batch waits for stragglers."""
