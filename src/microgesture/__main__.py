"""`python -m microgesture` is the command `microgesture`."""

from microgesture.commands.main import main

raise SystemExit(main())
