"""Model cards, the results they are written from, and the README's table of checkpoints."""
