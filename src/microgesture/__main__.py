"""`python -m microgesture` is the command `microgesture`."""

from microgesture.cli import main

raise SystemExit(main())
