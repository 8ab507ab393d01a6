"""Calls an API with a connection's token.

    python get_token.py c-7 https://api.pinterest.com/v5/user_account

Where ValetKey is, and the API key, come from the environment: VALETKEY_ADDRESS,
VALETKEY_API_KEY, VALETKEY_APPLICATION.
"""

from __future__ import annotations

import sys

import httpx

import valetkey
from valetkey.adapters.httpx import TokenAuth


def main(connection: str, url: str) -> None:
    with valetkey.Client() as client:
        source = client.token_source(connection)
        try:
            token = source.token()
        except valetkey.ReauthorizationRequired as error:
            sys.exit(f"{error.subject} must consent again: see connect.py")
        except valetkey.Error as error:
            sys.exit(f"no token: {error}")
        print(f"generation {token.generation}, valid until {token.expire_time}")
        with httpx.Client(auth=TokenAuth(source)) as http:
            response = http.get(url)
        print(response.status_code, response.text)


if __name__ == "__main__":
    main(*sys.argv[1:])
