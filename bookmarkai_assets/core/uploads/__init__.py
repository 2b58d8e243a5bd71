"""Uploads: files that people send to the bucket themselves, by links that this pipeline signs."""
