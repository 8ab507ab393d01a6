"""The whole system as a user has it: the real server, a real Redis, the
Pinterest emulator, and the command line, grpcurl, curl and a browser."""
