"""A video without faces: who has a face where, masks that follow it, and the check of the result."""
