"""A stand-in for Pinterest's OAuth and user_account API, for tests.

See README.md for what it imitates, how to start it and its control API.
"""
