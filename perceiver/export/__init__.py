"""Export of results: arrays as NPZ, results as JSON, tables as CSV; a module for each kind of result.

Indices start at 0 in NPZ and JSON, as in the library, and at 1 in CSV, which is meant for people.
"""
