"""What several adapters share and no port stands for."""
