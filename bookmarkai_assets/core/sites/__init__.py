"""Sites: the circuit breaker of each, how fast a site may be fetched from, and which of its formats lack sound."""
