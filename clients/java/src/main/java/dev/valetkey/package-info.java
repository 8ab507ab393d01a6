/**
 * Client of ValetKey, the OAuth token broker.
 *
 * <p>Begin with {@link dev.valetkey.ValetKeyClient}; take tokens from a {@link
 * dev.valetkey.TokenSource}. Every failed call is a {@link dev.valetkey.ValetKeyException}.
 *
 * <p>The messages of the contract are in {@code dev.valetkey.v1}. Those with secrets in them print
 * their secrets: {@link dev.valetkey.Token} and {@link dev.valetkey.NewKey} do not.
 */
package dev.valetkey;
