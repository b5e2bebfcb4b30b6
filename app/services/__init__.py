"""The app's way into the library: one module for each use case, whose results are cached and whose work is queued.

Cached functions are keyed on a checkpoint's key, the SHA-256 of the input's bytes and frozen settings, never on arrays.
A trace is one run of the model; everything that is shown is computed from it, so that no control of the display runs
the model again. Nothing is stored on the models, which all visitors share.
"""
