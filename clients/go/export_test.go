package valetkey

// SetRandom replaces what waits and timers are spread by, a number in [0, 1).
func (c *Client) SetRandom(random float64) {
	c.random = func() float64 { return random }
}
