"""Analyses over a whole held-out set, with intervals: what one input shows, measured over many."""
