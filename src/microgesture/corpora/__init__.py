"""Data sets as their owners hand them out: one folder or file each, found by itself (`corpora.source`).

Each has `read(root, protocol, vocabulary) -> Reading` and `recognises(root)`, and ends in `register_source(...)`.
Nothing here imports torch.
"""
