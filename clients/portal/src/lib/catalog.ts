import type { Category } from "../gen/valetkey/catalog/v1/definition_pb";
import type { CatalogEntry } from "../gen/valetkey/v1/provider_service_pb";

/** The entries of a category (all, if none is given) that match a search. */
export function searchCatalog(
  entries: readonly CatalogEntry[],
  text: string,
  category: Category | undefined,
): CatalogEntry[] {
  const words = text
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== "");
  return entries.filter(({ definition }) => {
    if (definition === undefined) return false;
    if (category !== undefined && definition.category !== category)
      return false;
    const { displayName, id, summary } = definition;
    const searched = `${id} ${displayName} ${summary}`.toLowerCase();
    return words.every((word) => searched.includes(word));
  });
}

/** The categories there are, each with its number of entries. */
export function categoriesOf(
  entries: readonly CatalogEntry[],
): [Category, number][] {
  const counts = new Map<Category, number>();
  for (const { definition } of entries) {
    if (definition === undefined) continue;
    const { category } = definition;
    counts.set(category, (counts.get(category) ?? 0) + 1);
  }
  return [...counts].sort(([a], [b]) => a - b);
}
