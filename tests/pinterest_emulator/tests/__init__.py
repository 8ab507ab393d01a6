"""Tests of the emulator itself, over sockets."""

import sys
from pathlib import Path

# `unittest discover -s tests/pinterest_emulator` starts inside the package.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
