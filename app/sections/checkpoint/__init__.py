"""Opening a checkpoint that does not come with the app: where it is, what it is, what it does not tell."""
