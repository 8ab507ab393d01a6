// Definitions that were added to the catalog: checked, created, changed.
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import type { QueryClient } from "@tanstack/react-query";
import { problemOfText } from "../lib/definition";
import { useSigned } from "./context";

/** What the server says of a definition's text; not asked if it is too long. */
export function useDefinitionCheck(
  parent: string,
  text: string,
  inputs: Readonly<Record<string, string>>,
) {
  const { clients } = useSigned();
  return useQuery({
    queryKey: ["definition-check", parent, text, inputs],
    enabled: problemOfText(text) === "",
    placeholderData: keepPreviousData,
    staleTime: Infinity,
    gcTime: 60_000,
    queryFn: ({ signal }) =>
      clients.providers.checkDefinition({ parent, text, inputs }, { signal }),
  });
}

/** Has the catalog and what is made of it asked for again. */
export async function renewCatalog(queries: QueryClient): Promise<void> {
  for (const queryKey of [["catalog"], ["catalog-entry"], ["providers"]])
    await queries.invalidateQueries({ queryKey });
}
