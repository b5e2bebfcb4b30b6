"""What is cached and queued: one module a use case."""
