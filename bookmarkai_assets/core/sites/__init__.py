"""Sites: the circuit breaker of each, and how fast a site may be fetched from."""
