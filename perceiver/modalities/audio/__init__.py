"""Sounds: a sound file -> the window a model reads, as patches of samples or as a log-mel spectrogram, and back."""

from __future__ import annotations

from ..description import AxisWords, Description, Noun
from ..options import Option

LOUDEST = "loudest"
MIX = "mix"

CHANNEL = Option(
    name="channel",
    default=MIX,
    choices=(MIX,),
    number=True,
    help="The channel of the sound that the model reads, from 1, or the mix of all.",
)

DESCRIPTION = Description(
    name="audio",
    noun=Noun("sound", "sounds"),
    element=Noun("patch", "patches"),
    element_by_axes={2: Noun("cell of the spectrogram", "cells of the spectrogram")},
    media=("sound", "video"),
    extensions=(
        *("wav", "wave", "flac", "ogg", "oga", "opus", "mp3", "m4a", "aac", "aif", "aiff", "aifc", "caf", "au", "snd"),
        *("w64", "rf64", "amr", "wma", "webm", "weba", "mka", "mkv", "mp4", "m4v", "mov", "3gp", "avi", "flv", "ts"),
    ),
    grid_axes=(1, 2),
    axes={
        "time": AxisWords("Time", "the window", "in time", sides=("before", "after"), unit="s"),
        "frequency": AxisWords("Pitch", "the range of pitches", "in pitch", "mel bands", ("below", "above"), "Hz"),
    },
    task="audio-classification",
    options=(
        Option(
            name="start",
            default=LOUDEST,
            choices=(LOUDEST,),
            number=True,
            unit="SECONDS",
            help="Seconds into the sound at which the model begins to read, or its loudest part.",
        ),
        CHANNEL,
    ),
    libraries=(
        "torch",
        "librosa.filters",
        "av.subtitles.stream",
        "perceiver.modalities.audio.ffmpeg",
        "perceiver.modalities.audio.libsndfile",
    ),
)
