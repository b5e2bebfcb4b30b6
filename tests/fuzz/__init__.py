"""Fuzzing: mutated files of every format through every reader, in child processes with limits.

corpus/        small real files of every kind; `corpus.py` wrote them and makes the checkpoints
mutation.py    changes to bytes and numbers; `structure.py` knows chunks of formats, `texts.py` JSON, tables, archives
readers.py     the readers, what they are asked, and what may come out of them
children.py    the child processes; `campaign.py` runs them, sorts what they found and makes the files small
found/         files that once broke a reader, which the tests read again

A finding is a crash, any exception but the reader's own, a sample or message that breaks its contract, or an exceeded
limit of memory, time or output. `./run fuzz` runs it; a mutation depends on seed, reader and number alone.

Why not Atheris: most of what can break is in decoders written in C and C++, whose coverage it does not see; its loop
ends at the first crash; and mutations of bytes alone seldom pass the checksums and lengths of these formats.
"""
