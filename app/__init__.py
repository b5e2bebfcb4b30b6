"""The browser front end. It chooses and lays out; the library in `perceiver` computes."""
