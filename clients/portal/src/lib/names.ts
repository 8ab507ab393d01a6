// Resource names and the paths of their pages. A page's path is the name of
// what it shows, so that a name in a log is found by putting it behind the
// origin.

/** `connections/c-7` of `applications/shop/connections/c-7`: its last part. */
export function idOf(name: string): string {
  return name.slice(name.lastIndexOf("/") + 1);
}

/** `applications/shop` of `applications/shop/connections/c-7`. */
export function applicationOf(name: string): string {
  return name.split("/", 2).join("/");
}

/** The application of operators, which has no connections. */
export const systemApplication = "applications/system";

/** The path of a resource's page, or of one below it. */
export function pathOf(name: string, ...below: string[]): string {
  const parts = [...name.split("/"), ...below];
  return `/${parts.map(encodeURIComponent).join("/")}`;
}

/** An id that names what people call so: "My Shop" gives "my-shop". */
export function suggestId(text: string): string {
  return text
    .normalize("NFKD")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^[^a-z]+/, "")
    .slice(0, 63)
    .replace(/-+$/, "");
}

/** The first of `id`, `id-2`, `id-3`, … that is not taken. */
export function freeId(id: string, taken: readonly string[]): string {
  let free = id;
  for (let n = 2; taken.includes(free); n += 1) free = `${id}-${String(n)}`;
  return free;
}

const idPattern = /^[a-z][a-z0-9-]{0,62}$/;

/** What is wrong with an id that a person chose; "" if nothing is. */
export function problemOfId(id: string): string {
  if (id === "") return "An id is needed, such as “shop”.";
  if (idPattern.test(id)) return "";
  return "Use 1 to 63 small letters, digits and hyphens, a letter first.";
}
