"""The names that perceiver-io gives its tensors."""

from __future__ import annotations

# As they are called since version 0.7, and before.
LATENTS = ("0.latent_provider._query", "0.latent")
POSITIONS = ("0.input_adapter.position_encoding.position_encoding", "0.input_adapter.position_encoding")
QUERY = ("1.output_query_provider._query", "1.output_adapter._output_query")
FIRST_CROSS, OTHER_CROSS = "0.cross_attn_1", "0.cross_attn_n"
FIRST_TOWER, OTHER_TOWER = "0.self_attn_1", "0.self_attn_n"
DECODER = "1.cross_attn"
CLASSES = "1.output_adapter.linear"

AXES = 2
"""Axes of a picture."""
