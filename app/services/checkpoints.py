"""Checkpoints that visitors open beside those that come with the app: their names in links, where they lie, what they
are.

A key names a checkpoint everywhere in the app. One that comes with it has its own name; one from the hub is
`owner/name` or `owner/name@revision`, with what was answered about it behind semicolons, so that the key alone leads
anyone back to it; `path:` and `upload:` with a digest are files, which other sessions never see.
"""

from __future__ import annotations

import dataclasses
import hashlib
import ipaddress
import json
import math
import os
import re
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote, unquote

import streamlit as st

from perceiver.checkpoints import CheckpointInfo, HubOptions, Location, inspect, resolve
from perceiver.checkpoints.cards import card as cards
from perceiver.checkpoints.cards.card import Card
from perceiver.checkpoints.folder import sha256
from perceiver.checkpoints.formats import OptionValue
from perceiver.checkpoints.hub import is_hub_id
from perceiver.config import PerceiverConfig
from perceiver.errors import CheckpointError
from perceiver.lens.isolated import worker_processes

from . import public

LOCAL_PATHS = "PERCEIVER_LOCAL_PATHS"
"""Set to 0 or 1, it forbids or allows visitors to open files of this machine by their path; on a public server they
never may."""

MOST_KNOWN = 256
"""Summaries that are remembered; the longest unused goes first. Weights are another matter: see `models.get`."""

_REVISION = re.compile(r"[\w][\w./-]{0,99}", re.ASCII)
_ANSWER = re.compile(r"[A-Za-z_]\w{0,59}", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")
_MOST_ANSWERS = 24


@dataclass(frozen=True)
class Hub:
    """A checkpoint on the hub, as a link names it.

    revision  a branch, tag or commit; None for the latest
    answers   what was said about it that its files do not tell, by name
    """

    repository: str
    revision: str | None = None
    answers: tuple[tuple[str, OptionValue], ...] = ()

    @property
    def key(self) -> str:
        """How it is written: "owner/name@revision;cross_heads=8"."""
        at = f"@{self.revision}" if self.revision else ""
        return f"{self.repository}{at}" + "".join(f";{name}={_written(value)}" for name, value in self.answers)

    @property
    def pinned(self) -> bool:
        """Whether its revision is a commit, which stays what it is."""
        return self.revision is not None and _COMMIT.fullmatch(self.revision) is not None

    @property
    def name(self) -> str:
        """What it is called on the page: as it is written, a long commit cut short."""
        short = self.revision[:7] if self.revision and self.pinned else self.revision
        said = ", ".join(f"{name} {value}" for name, value in self.answers)
        return dataclasses.replace(self, revision=short, answers=()).key + (f" ({said})" if said else "")

    @classmethod
    def parse(cls, key: str) -> Hub | None:
        """The inverse of `key`; None for everything else."""
        place, *said = key.split(";")
        repository, at, revision = place.partition("@")
        if not is_hub_id(repository) or (at and not _REVISION.fullmatch(revision)) or len(said) > _MOST_ANSWERS:
            return None
        answers: dict[str, OptionValue] = {}
        for one in said:
            name, equals, value = one.partition("=")
            if not (equals and _ANSWER.fullmatch(name)) or name in answers:
                return None
            answers[name] = _read(value)
        return cls(repository, revision or None, tuple(answers.items()))


@dataclass(frozen=True)
class Source:
    """Something that can be looked into.

    name      what it is called on the page
    place     what the library is given: a hub id or a path
    revision  the commit, for one from the hub
    stamp     what tells its contents from others: a digest, "" for the hub
    asked     the branch, tag or commit that was asked for, where one was
    given     arguments from a file that came with it
    called    what messages call it, and `labels` its files, where their paths are the app's own: (path, label)
    """

    kind: Literal["hub", "path", "upload"]
    name: str
    place: str
    revision: str | None = None
    stamp: str = ""
    asked: str | None = None
    given: Mapping[str, Any] = field(default_factory=dict, hash=False)
    called: str = ""
    labels: tuple[tuple[Path, str], ...] = ()

    def key(self, answers: Mapping[str, OptionValue]) -> str:
        """The key of the checkpoint with some answers about it."""
        if self.kind == "hub":
            return Hub(self.place, self.asked, tuple(sorted(answers.items()))).key
        said = json.dumps([self.stamp, sorted(self.given.items()), sorted(answers.items())])
        return f"{self.kind}:{hashlib.sha256(said.encode()).hexdigest()}"

    def location(self) -> Location:
        """Where its files are, with what messages call them. Raises CheckpointError when they are gone."""
        if self.kind != "hub" and not Path(self.place).exists():
            raise CheckpointError(f"the files of {self.name} are gone", "open it again")
        found = resolve(self.place, HubOptions(revision=self.revision))
        return dataclasses.replace(found, source=self.called or found.source, labels=dict(self.labels))

    def look(self, answers: Mapping[str, OptionValue]) -> CheckpointInfo:
        """What it is, from names and shapes alone. Raises CheckpointError when it cannot be opened."""
        return inspect(self.location(), options={**self.given, **answers}, workers=worker_processes())


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that was opened: its source, what was answered about it, and what it is.

    config  of the model
    """

    key: str
    name: str
    source: Source
    answers: Mapping[str, OptionValue]
    found: CheckpointInfo = field(repr=False)
    config: PerceiverConfig = field(repr=False)

    @property
    def arguments(self) -> dict[str, Any]:
        """Everything that was said about it, as the library asks for it."""
        return {**self.source.given, **self.answers}

    @property
    def weights(self) -> Path:
        """Its weights file. Raises CheckpointError when it is gone."""
        return self.source.location().weights

    def card(self) -> Card:
        """The words that its publisher put beside it, and results where they are ours and about these very weights.

        Raises CheckpointError when there are none.
        """
        if Path(self.source.place).is_file():
            raise CheckpointError(f"{self.name} is a single file, without a card")
        folder = self.weights.parent
        card = cards.read(folder)
        if card.results and (self.found.family != "own" or card.results.sha256 != digest(self.key)):
            return dataclasses.replace(card, results=None)
        return card


def on_hub(hub: Hub, commit: str) -> Source:
    """A repository at a commit that lies in the hub's cache."""
    name = dataclasses.replace(hub, answers=()).name
    return Source("hub", name, hub.repository, revision=commit, asked=hub.revision)


def at_path(text: str) -> Source:
    """A file or folder of this machine. Raises CheckpointError when there is none, or nobody may look."""
    if not local_paths():
        raise CheckpointError(
            "files of this machine can be opened by their path only if the app serves this machine alone"
        )
    path = Path(os.path.expanduser(text.strip()))
    try:
        path = path.resolve()
        files = [path, *sorted(path.iterdir())] if path.is_dir() else [path]
        stamps = [(file.name, stat.st_size, stat.st_mtime_ns) for file in files for stat in [file.stat()]]
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        raise CheckpointError(f"{text.strip()} cannot be read: {why}") from error
    # A file that was written anew is another checkpoint.
    stamp = hashlib.sha256(json.dumps([str(path), stamps]).encode()).hexdigest()
    return Source("path", path.name or str(path), str(path), stamp=stamp)


_known: OrderedDict[str, Checkpoint] = OrderedDict()
# The end of a session can come at any time in any thread, even in one that holds the lock: `forget` is called then.
_lock = threading.RLock()


def known(key: str) -> Checkpoint | None:
    """A checkpoint that some session has opened."""
    with _lock:
        if key in _known:
            _known.move_to_end(key)
        return _known.get(key)


def called(key: str) -> str:
    """What a checkpoint is called on the page."""
    checkpoint = known(key)
    return checkpoint.name if checkpoint else key


def keep(source: Source, answers: Mapping[str, OptionValue], found: CheckpointInfo) -> Checkpoint:
    """Takes a checkpoint among those that this session can look at; `found` with all questions answered."""
    assert found.config is not None
    key = source.key(answers)
    held = known(key)
    if held and held.source.revision != source.revision:
        # The branch moved on while others look at the earlier commit: each keeps what it means.
        source = dataclasses.replace(source, asked=source.revision)
        key = source.key(answers)
    name = source.name
    if source.kind == "hub":
        hub = Hub.parse(key)
        name = hub.name if hub else key
    others = {one.name for one in mine() if one.key != key}
    name = next(n for n in (name, *(f"{name} ({i})" for i in range(2, MOST_KNOWN + 2))) if n not in others)
    checkpoint = Checkpoint(key, name, source, dict(answers), found, found.config)
    with _lock:
        _known[key] = checkpoint
        _known.move_to_end(key)
        while len(_known) > MOST_KNOWN:
            _known.popitem(last=False)
    adopt(key)
    return checkpoint


def adopt(key: str) -> bool:
    """Takes a hub checkpoint that another session opened, or one just opened, into this session; False when nobody
    opened it."""
    hub = Hub.parse(key)
    if known(key) is None or (hub and not public.may_open(hub.repository)):
        return False
    held = st.session_state.setdefault("opened", [])
    if key not in held:
        held.append(key)
    return True


def mine() -> tuple[Checkpoint, ...]:
    """The checkpoints that this session opened, in that order."""
    found = (known(key) for key in st.session_state.get("opened", ()))
    return tuple(one for one in found if one is not None)


def drop(key: str, *, known_before: bool) -> None:
    """Takes a checkpoint that cannot be opened out of this session, and out of all unless others knew it before."""
    held = st.session_state.get("opened", [])
    if key in held:
        held.remove(key)
    if not known_before:
        with _lock:
            _known.pop(key, None)


def forget(stamps: set[str]) -> list[str]:
    """Drops uploads whose files are gone, by their stamps. Returns their keys."""
    with _lock:
        gone = [key for key, one in _known.items() if one.source.kind == "upload" and one.source.stamp in stamps]
        for key in gone:
            del _known[key]
    return gone


@st.cache_data(show_spinner=False, max_entries=64)
def digest(key: str) -> str:
    """The SHA-256 of an opened checkpoint's weights file. Raises CheckpointError when it is gone."""
    checkpoint = known(key)
    if checkpoint is None:
        raise CheckpointError("this checkpoint is no longer open here")
    return sha256(checkpoint.weights)


def local_paths() -> bool:
    """Whether visitors may open files of this machine by their path: on a public server, never.

    Where the environment says nothing: only if the server listens to this machine alone, and the page was not asked for
    through a proxy, behind which anyone may be.
    """
    if public.is_public():
        return False
    said = public.is_on(LOCAL_PATHS)
    if said is not None:
        return said
    headers = {name.lower() for name in st.context.headers}
    forwarded = {"forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip"}
    return is_loopback(st.get_option("server.address")) and not headers & forwarded


def is_loopback(address: str | None) -> bool:
    """Whether an address to listen on is only for programs on the same machine; None listens everywhere."""
    if address is None:
        return False
    if address.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return False


def _written(value: OptionValue) -> str:
    text = value if isinstance(value, str) and _read(quote(value, safe="")) == value else json.dumps(value)
    return quote(text, safe="")


def _read(text: str) -> OptionValue:
    """A value as `_written` writes it: a number, true or false, else a text."""
    plain = unquote(text)
    try:
        value = json.loads(plain)
    except ValueError:
        return plain
    if isinstance(value, bool | int | str) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return plain
