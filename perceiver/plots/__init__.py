"""Pictures and figures of arrays and results. Nothing here computes anything about a model."""
