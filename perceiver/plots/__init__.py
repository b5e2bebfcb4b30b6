"""Images and figures of arrays and results; no analysis of models."""
