"""Sections of the Ablate page: what is removed from the position encoding, and what that changes."""
