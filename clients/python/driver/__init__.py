"""The driver of the conformance suite: tests/conformance/README.md."""
