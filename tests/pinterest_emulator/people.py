"""The people who have an account at the emulated Pinterest."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from pinterest_emulator.fields import Fields

ACCOUNT_TYPES = ("PINNER", "BUSINESS")

SAMPLES = {
    "ann": "Ann Arbor",
    "ben": "Ben Nevis",
    "cleo": "Cleo Patras",
}
"""Whom the consent page offers, by login."""


@dataclass(frozen=True, slots=True)
class Person:
    """One account. `login` is the test's handle for it and never changes;
    `username` can, as at Pinterest, which is why `id` is the key to store."""

    login: str
    id: str
    username: str
    account_type: str
    business_name: str | None
    # Pinterest serves revocation for its "system users" only (API description,
    # operation oauth/token/revoke).
    system_user: bool

    @staticmethod
    def made_for(login: str) -> Person:
        """The account of any login: the same one in every run."""
        digest = hashlib.sha256(login.encode()).digest()
        business = digest[0] % 2 == 1
        name = SAMPLES.get(login, login)
        return Person(
            login=login,
            id=str(10**17 + int.from_bytes(digest[:7], "big")),
            username=login.replace("@", "_").replace(".", "_") + "_pins",
            account_type="BUSINESS" if business else "PINNER",
            business_name=f"{name} Ltd" if business else None,
            system_user=False,
        )

    def updated(self, fields: Fields) -> Person:
        """This account with the given fields changed. Raises FieldError."""
        changed = Person(
            login=self.login,
            id=self.id,
            username=fields.text("username", self.username),
            account_type=fields.text(
                "account_type", self.account_type, choices=ACCOUNT_TYPES
            ),
            business_name=fields.text("business_name", self.business_name),
            system_user=fields.boolean("system_user", self.system_user),
        )
        fields.finish()
        return changed

    def user_account(self) -> dict[str, Any]:
        """The answer of GET /v5/user_account (schema `Account`)."""
        seed = int(self.id) % 997
        return {
            "account_type": self.account_type,
            "id": self.id,
            "profile_image": f"https://i.pinimg.com/{seed}/{self.login}.jpg",
            "website_url": f"https://{self.login}.example",
            "username": self.username,
            "about": f"Pins collected by {SAMPLES.get(self.login, self.login)}",
            "business_name": self.business_name,
            "board_count": seed % 40,
            "pin_count": seed * 3,
            "follower_count": seed * 7,
            "following_count": seed % 211,
            "monthly_views": seed * 101,
        }
