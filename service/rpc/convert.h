// Domain records to messages. Pure functions; no secret passes here but the
// access token of FillToken.

#ifndef VALETKEY_RPC_CONVERT_H_
#define VALETKEY_RPC_CONVERT_H_

#include <google/protobuf/timestamp.pb.h>

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "service/broker/types.h"
#include "service/store/records.h"
#include "valetkey/v1/application_service.pb.h"
#include "valetkey/v1/connection_service.pb.h"
#include "valetkey/v1/event_service.pb.h"
#include "valetkey/v1/provider_service.pb.h"
#include "valetkey/v1/token_service.pb.h"

namespace valetkey::rpc {

// Times beyond the range of a Timestamp become its nearest bound.
void FillTime(absl::Time time, google::protobuf::Timestamp* out);

void FillToken(const broker::TokenView& view, v1::Token* out);
void FillApplication(const store::Application& in, v1::Application* out);
void FillKey(const store::ApiKey& in, v1::Key* out);
// `in_catalog`: whether its entry and environment exist.
void FillProvider(const store::Provider& in,
                  absl::string_view default_redirect_uri, bool in_catalog,
                  v1::Provider* out);
void FillConnection(const store::Connection& in, v1::Connection* out);
void FillEvent(const store::Event& in, v1::Event* out);

}  // namespace valetkey::rpc

#endif  // VALETKEY_RPC_CONVERT_H_
