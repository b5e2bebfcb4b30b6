"""Parts of the Explain page: the question, and one way after the other to answer it."""
