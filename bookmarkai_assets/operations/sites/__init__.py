"""Sites: take turns at a site, and report on its circuit breaker."""
