"""What a session holds: a view for each page, the address bar, controls that change them, and text for the page."""
