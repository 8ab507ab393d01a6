"""Tests of the server as a whole, beside a real Redis and the emulator: what
must hold when things fail, judged by the emulator's ledger."""
