"""Sections of the Data set page."""
