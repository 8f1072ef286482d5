"""One loop for every objective: configuration, checkpoints, resume. Imports torch only where it trains."""
