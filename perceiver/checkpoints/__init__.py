"""Checkpoints on disk and on the hub: found, read, written, described. Nothing here knows the model."""
