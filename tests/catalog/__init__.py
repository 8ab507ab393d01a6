"""Every definition of the catalog, run against an emulator made of it."""
