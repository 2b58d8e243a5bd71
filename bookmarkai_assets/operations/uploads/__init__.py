"""Uploads: begin them, take in what has arrived, send files from this machine, sweep what is done with."""
