"""Analyses over a held-out set, with confidence intervals."""
