"""What monitoring shows of an installation: its figures, and the metrics that are made of them."""
