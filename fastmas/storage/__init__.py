"""The run folder: one writer, one reader, one lock."""
