"""Sections of the Explain page: which parts of the input speak for a class, and how faithful the maps of that are."""
