"""The check of types and shapes at run time; a whole number counts as a float, as it does for type checkers."""

from __future__ import annotations

from beartype import BeartypeConf, beartype

check = beartype(conf=BeartypeConf(is_pep484_tower=True))
