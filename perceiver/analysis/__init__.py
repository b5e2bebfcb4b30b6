"""Analyses: functions from arrays, traces, or a model and a sample to small frozen results. They read no files and draw
nothing."""
