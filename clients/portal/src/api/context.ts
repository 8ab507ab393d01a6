import { createContext, useContext } from "react";
import type { Clients } from "./clients";
import type { Session } from "./session";

export interface Signed {
  readonly clients: Clients;
  readonly session: Session;
}

/** Who is signed in, and how the server is called for them. */
export const SignedContext = createContext<Signed | null>(null);

export function useSigned(): Signed {
  const signed = useContext(SignedContext);
  if (signed === null) throw new Error("nobody is signed in");
  return signed;
}
