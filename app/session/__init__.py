"""What a session holds: the address bar, the view, controls."""
