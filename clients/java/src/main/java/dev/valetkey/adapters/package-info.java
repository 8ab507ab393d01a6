/**
 * Token sources in what people use already. Each adapter sets the {@code Authorization} header of a
 * request; where the provider answers that the token is not valid, it has ValetKey get a new one.
 * OkHttp is needed only where its adapter is used.
 */
package dev.valetkey.adapters;
