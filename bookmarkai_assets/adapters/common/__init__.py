"""Code that several adapters share. It implements no port."""
