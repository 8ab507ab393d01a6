// The form in which a connection's access tokens are kept in Redis (before
// sealing): length-prefixed fields, version first. Pure functions.

#ifndef VALETKEY_BROKER_CACHE_CODEC_H_
#define VALETKEY_BROKER_CACHE_CODEC_H_

#include <memory>

#include "absl/strings/string_view.h"
#include "service/base/secret.h"
#include "service/cache/memory_cache.h"

namespace valetkey::broker {

SecretString EncodeCached(const cache::CachedConnection& connection);
// nullptr if the bytes are not of this form: then they count as not there.
std::shared_ptr<cache::CachedConnection> DecodeCached(absl::string_view bytes);

}  // namespace valetkey::broker

#endif  // VALETKEY_BROKER_CACHE_CODEC_H_
