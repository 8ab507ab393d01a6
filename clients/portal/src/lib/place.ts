// Where a person was: the list that they left for one of its entries, and how
// far down a page they were.

export interface Place {
  /** Path and query. */
  readonly to: string;
  /** Of the browser's history. */
  readonly state?: unknown;
}

const lists = new Map<string, Place>();
const depths = new Map<string, number>();
let isReturn = false;

/** Remembers the list at a path as it is shown now. */
export function rememberList(path: string, place: Place): void {
  lists.set(path, place);
}

/** The list at a path as it was last shown. */
export function placeOf(path: string): Place {
  return lists.get(path) ?? { to: path };
}

/** For the next person at this browser. */
export function forgetPlaces(): void {
  lists.clear();
  depths.clear();
}

/**
 * From now on a page comes up at its top, or, for who goes back to it, where
 * they left it. Browsers restore the place before the page is drawn.
 */
export function keepDepth(): void {
  window.history.scrollRestoration = "manual";
  const options = { passive: true };
  const keep = () => depths.set(window.location.href, window.scrollY);
  window.addEventListener("scroll", keep, options);
  window.addEventListener("popstate", () => {
    isReturn = true;
  });
  // The router's own.
  for (const name of ["pushState", "replaceState"]) {
    window.addEventListener(name, () => {
      isReturn = false;
    });
  }
}

/** Goes to where the page of this address begins, or was left. */
export function arrive(): void {
  const depth = isReturn ? depths.get(window.location.href) : undefined;
  window.scrollTo(0, depth ?? 0);
}
