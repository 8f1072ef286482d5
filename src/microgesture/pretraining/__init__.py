"""How the built-in weights are made, calibrated and measured: `python -m microgesture.pretraining OUT`."""
