"""Sections of the Compare page: several models on one input, their maps and their position encodings."""
