import { Button, Divider } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { providerSignInPath, readProviderHost } from "../api/sign-in";

/**
 * The way to the operators’ own identity provider, and back to this place.
 * Nothing where there is none, or where that cannot be found out: an API key
 * does without.
 */
export function ProviderSignIn() {
  const host = useQuery({
    queryKey: ["sign-in"],
    queryFn: readProviderHost,
    staleTime: Infinity,
  });
  if (!host.data) return null;
  const { pathname, search } = window.location;
  return (
    <>
      <Button component="a" href={providerSignInPath(pathname + search)}>
        Sign in with {host.data}
      </Button>
      <Divider label="or with an API key" />
    </>
  );
}
