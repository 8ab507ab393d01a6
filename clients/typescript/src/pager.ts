/** A list that fetches its pages as it is walked. Can be walked again. */
export class Pager<
  Page extends { nextPageToken: string },
  Item,
> implements AsyncIterable<Item> {
  readonly #fetch: (pageToken: string) => Promise<Page>;
  readonly #items: (page: Page) => Item[];

  /** @internal */
  constructor(
    fetch: (pageToken: string) => Promise<Page>,
    items: (page: Page) => Item[],
  ) {
    this.#fetch = fetch;
    this.#items = items;
  }

  /** One item after the other, of all pages. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Item, void, undefined> {
    for await (const page of this.pages()) yield* this.#items(page);
  }

  /** The pages themselves, with what else is in them. */
  async *pages(): AsyncGenerator<Page, void, undefined> {
    let pageToken = "";
    do {
      const page = await this.#fetch(pageToken);
      pageToken = page.nextPageToken;
      yield page;
    } while (pageToken !== "");
  }
}
