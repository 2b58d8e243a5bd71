"""Who may come in by the HTTP door."""
