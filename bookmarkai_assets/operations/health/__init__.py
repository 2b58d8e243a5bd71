"""Health: run the checks of the doctor."""
