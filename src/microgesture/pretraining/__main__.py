"""`python -m microgesture.pretraining`, which `make pretrain` runs."""

from microgesture.pretraining.stages import main

if __name__ == "__main__":
    main()
