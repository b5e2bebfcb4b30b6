"""Parts of the Ablate page: what is taken out of the position code, and what that changes."""
