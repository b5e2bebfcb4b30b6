"""Arrays in, small result dataclasses out: what a map says, in numbers. Reads no files and draws nothing."""
