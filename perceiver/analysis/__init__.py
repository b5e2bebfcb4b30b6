"""Analyses: functions of arrays, traces, or a model and a sample that return small frozen results. No file access, no
plotting."""
