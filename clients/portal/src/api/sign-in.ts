// What ways there are to sign in.

/** The host of the identity provider; null: with API keys alone. */
export async function readProviderHost(): Promise<string | null> {
  const response = await fetch("/portal/sign-in", {
    headers: { accept: "application/json" },
  });
  if (!response.ok) throw new Error(`answered ${String(response.status)}`);
  const { oidc } = (await response.json()) as { oidc?: { host?: unknown } };
  return typeof oidc?.host === "string" ? oidc.host : null;
}

/** Where signing in at the provider begins; it ends at `place`. */
export function providerSignInPath(place: string): string {
  return `/portal/oidc/start?return_to=${encodeURIComponent(place)}`;
}
