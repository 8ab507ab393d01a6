"""Entry point of `python3 tests/pinterest_emulator`."""

import os
import sys

if not __package__:
    # Run as a directory: the interpreter put that directory first in the
    # search path. Put its parent there instead, so that the modules import as
    # the package they are.
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

from pinterest_emulator.cli import main  # noqa: E402

sys.exit(main())
