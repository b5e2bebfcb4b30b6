"""Arrays and results in, pictures and figures out: pure functions that compute nothing about a model."""
