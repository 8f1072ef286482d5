"""How the built-in weights are made from seeds, tested and packed: `python -m microgesture.pretraining`."""
