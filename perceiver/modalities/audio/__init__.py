"""Sounds: a sound file -> the window a model reads, as patches of samples or as a log-mel spectrogram."""
