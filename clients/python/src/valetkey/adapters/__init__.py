"""Puts a source's token into the requests of what people use already.

- `valetkey.adapters.httpx`: `TokenAuth`, `AsyncTokenAuth`
- `valetkey.adapters.requests`: `TokenAuth`
- `valetkey.adapters.grpc`: `TokenPlugin`, `AsyncTokenPlugin`

Each module wants its library to be installed: `pip install valetkey[httpx]`,
`pip install valetkey[requests]`.

On a 401 an HTTP adapter rejects the token that it sent, and repeats the request
once with a new one if its body can be sent again; else the 401 is returned. A
token goes to the host that the request names, and along no redirect to another.
"""
