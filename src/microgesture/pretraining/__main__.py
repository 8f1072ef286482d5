"""`python -m microgesture.pretraining FOLDER` makes the built-in weights."""

from microgesture.pretraining.stages import main

if __name__ == "__main__":
    main()
