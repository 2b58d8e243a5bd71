"""Downloads: fetch a video into the staging directory."""
