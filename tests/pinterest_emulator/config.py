"""What can be switched while the emulator runs."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from pinterest_emulator.fields import Fields

REUSE_POLICIES = ("revoke_family", "reject", "grace")
PKCE_MODES = ("enforce", "check", "ignore")
LOGIN_PATTERN = r"[A-Za-z0-9_.@-]{1,64}"


@dataclass(frozen=True, slots=True)
class Config:
    """Lifetimes, policies and shapes. Lifetimes are in seconds.

    The defaults are Pinterest's own, as documented in "Set up authentication
    and authorization", except where it says nothing: the code's lifetime and
    the fate of a rotated refresh token.
    """

    access_ttl: int = 2_592_000
    refresh_ttl: int = 5_184_000
    code_ttl: int = 600

    # What a refresh token gets that was already exchanged for its successor:
    # `reject` answers 401 and the family lives on; `revoke_family` also kills
    # the family (RFC 9700 section 4.14.2); `grace` returns the same new pair
    # again for `reuse_grace` seconds, then rejects.
    reuse: str = "reject"
    reuse_grace: int = 30

    # `check` tolerates PKCE and verifies it when both halves are sent, which
    # is as much as is known of Pinterest; `enforce` demands it (S256).
    pkce: str = "check"

    # With `auto_approve` the authorization page redirects at once, as `login`.
    auto_approve: bool = False
    login: str = "ann"

    # Shapes of the token answer. `legacy_shape` is Pinterest before its spec
    # 5.12: a refresh returns no refresh token and the old one stays in use.
    include_expires_in: bool = True
    expires_in_as_string: bool = False
    include_refresh_expiry: bool = True
    legacy_shape: bool = False

    # Pinterest's own sample notes that the answer lists every scope the user
    # ever approved for the app, not just those asked for this time.
    accumulate_scopes: bool = False

    # Characters after the prefix. Pinterest states no limit.
    token_length: int = 96

    def updated(self, fields: Fields) -> Config:
        """This configuration with the given fields changed.

        Raises FieldError, and then nothing has changed.
        """
        changed = dataclasses.replace(
            self,
            access_ttl=fields.integer("access_ttl", self.access_ttl),
            refresh_ttl=fields.integer("refresh_ttl", self.refresh_ttl),
            code_ttl=fields.integer("code_ttl", self.code_ttl),
            reuse=fields.text("reuse", self.reuse, choices=REUSE_POLICIES),
            reuse_grace=fields.integer("reuse_grace", self.reuse_grace),
            pkce=fields.text("pkce", self.pkce, choices=PKCE_MODES),
            auto_approve=fields.boolean("auto_approve", self.auto_approve),
            login=fields.text("login", self.login, pattern=LOGIN_PATTERN),
            include_expires_in=fields.boolean(
                "include_expires_in", self.include_expires_in
            ),
            expires_in_as_string=fields.boolean(
                "expires_in_as_string", self.expires_in_as_string
            ),
            include_refresh_expiry=fields.boolean(
                "include_refresh_expiry", self.include_refresh_expiry
            ),
            legacy_shape=fields.boolean("legacy_shape", self.legacy_shape),
            accumulate_scopes=fields.boolean(
                "accumulate_scopes", self.accumulate_scopes
            ),
            token_length=fields.integer(
                "token_length", self.token_length, minimum=32, maximum=16_384
            ),
        )
        fields.finish()
        return changed
