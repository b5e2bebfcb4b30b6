"""The pages: one module each, which puts sections in their order."""
