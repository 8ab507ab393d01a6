package dev.valetkey;

import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.function.Function;

/** A list as one sequence, which fetches its pages as it goes. */
final class Pages<P, T> implements Iterable<T> {
  private final Function<String, P> fetch;
  private final Function<P, List<T>> items;
  private final Function<P, String> nextToken;

  /** Fetches the page of a token, empty for the first. */
  Pages(Function<String, P> fetch, Function<P, List<T>> items, Function<P, String> nextToken) {
    this.fetch = fetch;
    this.items = items;
    this.nextToken = nextToken;
  }

  @Override
  public Iterator<T> iterator() {
    return new Iterator<>() {
      private Iterator<T> page;
      private String token = "";

      @Override
      public boolean hasNext() {
        // A page in the middle may be empty.
        while (page == null || (!page.hasNext() && !token.isEmpty())) {
          P next = fetch.apply(token);
          page = items.apply(next).iterator();
          token = nextToken.apply(next);
        }
        return page.hasNext();
      }

      @Override
      public T next() {
        if (!hasNext()) {
          throw new NoSuchElementException();
        }
        return page.next();
      }
    };
  }
}
