"""A ValetKey in the process, for tests of what uses it.

    with Fake() as fake:
        fake.set_token("c-7", "a-token", expires_in=60)
        with fake.client() as client:
            assert client.get_token("c-7").access_token == "a-token"

It speaks the contract on a loopback port, so that a test goes through the real
client, of either world.
"""

from valetkey.testing._fake import Fake

__all__ = ["Fake"]
