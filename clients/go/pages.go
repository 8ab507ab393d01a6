package valetkey

import "iter"

// page is what a List call returns.
type page interface{ GetNextPageToken() string }

// pages walks all items of a list. It fetches the next page when the one before
// has been walked, and ends after an error.
func pages[Page page, Item any](
	fetch func(pageToken string) (Page, error), items func(Page) []Item,
) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		var none Item
		for token := ""; ; {
			page, err := fetch(token)
			if err != nil {
				yield(none, err)
				return
			}
			for _, item := range items(page) {
				if !yield(item, nil) {
					return
				}
			}
			if token = page.GetNextPageToken(); token == "" {
				return
			}
		}
	}
}
