// Which addresses belong to the public Internet. Pure functions.

#ifndef VALETKEY_NET_HTTP_PUBLIC_ADDRESS_H_
#define VALETKEY_NET_HTTP_PUBLIC_ADDRESS_H_

#include <sys/socket.h>

namespace valetkey {

// False for loopback, private, link-local, shared, documentation, multicast
// and reserved addresses (IANA special-purpose registries, RFC 6890), for IPv6
// forms that carry such an IPv4 address, and for anything but IPv4 and IPv6.
bool IsPublicAddress(const sockaddr* address);

}  // namespace valetkey

#endif  // VALETKEY_NET_HTTP_PUBLIC_ADDRESS_H_
