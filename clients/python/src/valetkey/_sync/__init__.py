"""The blocking world: what `valetkey.Client` is made of."""
