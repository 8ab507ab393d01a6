/**
 * A ValetKey in the process, for tests: they go through the real client. It is in the same jar as
 * the client because it needs nothing that the client does not, and so has always its version.
 */
package dev.valetkey.testing;
