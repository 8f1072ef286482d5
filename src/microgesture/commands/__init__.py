"""The verbs of the command `microgesture`, one file a family; thin: each parses flags and calls one function below."""
