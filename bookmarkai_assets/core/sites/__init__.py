"""Sites: when a site's circuit breaker opens, and how fast a site may be fetched from."""
