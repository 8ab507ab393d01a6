package valetkey

// secret is a text that nothing shows which prints or encodes what holds it,
// for a function is not looked into.
type secret func() string

func newSecret(text string) secret { return func() string { return text } }
