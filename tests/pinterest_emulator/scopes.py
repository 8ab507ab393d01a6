"""Pinterest's scopes.

Source: the API description, v5/openapi.json, spec 5.23.0, security scheme
`pinterest_oauth2`. The names are Pinterest's, the descriptions ours.
"""

from __future__ import annotations

import re

SCOPES: dict[str, str] = {
    "ads:read": "See your advertising data: campaigns, ad groups and ads",
    "ads:write": "Create, change and delete your ads and campaigns",
    "billing:read": "See your billing data and billing profiles",
    "billing:write": "Create, change and delete your billing profiles",
    "biz_access:read": "See who has access to your business",
    "biz_access:write": "Change who has access to your business",
    "boards:read": "See your public boards and group boards you joined",
    "boards:read_secret": "See your secret boards",
    "boards:write": "Create, change and delete your public boards",
    "boards:write_secret": "Create, change and delete your secret boards",
    "catalogs:read": "See your product catalogs",
    "catalogs:write": "Create, change and delete your product catalogs",
    "msot:write": "Send measurement-source-of-truth events",
    "pins:read": "See your public Pins",
    "pins:read_secret": "See your secret Pins",
    "pins:write": "Create, change and delete your public Pins",
    "pins:write_secret": "Create, change and delete your secret Pins",
    "user_accounts:read": "See your account and your followers",
    "user_accounts:write": "Change your account and your followers",
}

_SEPARATORS = re.compile(r"[ ,]+")


def split(text: str) -> tuple[str, ...]:
    """The scopes in a request parameter, in order and without repetition.

    Pinterest documents both commas and spaces in requests; its answers use
    spaces only (RFC 6749 section 3.3).
    """
    return tuple(dict.fromkeys(filter(None, _SEPARATORS.split(text))))
