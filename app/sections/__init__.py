"""Sections of pages: each draws one part of a page from its context and from what the services return."""
