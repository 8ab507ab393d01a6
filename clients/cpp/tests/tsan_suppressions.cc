// For ThreadSanitizer, beside the checkout's tests/tsan.supp: parts of gRPC's
// and Abseil's headers that compile into the library and the fake and do not
// call back into them. What they hand to another thread is ordered by atomics
// inside those libraries, which are built without the sanitizer. A race of a
// callback of ours has none of these in its stacks.

extern "C" const char* __tsan_default_suppressions();

const char* __tsan_default_suppressions() {
  return "race:ServerCallbackWriterImpl::Finish\n"
         "race:ServerCallbackWriterImpl::Write\n"
         "race:ServerCallbackWriterImpl::~ServerCallbackWriterImpl\n"
         // The start of a call, with the copy of its callback.
         "race:^grpc::internal::CallbackUnaryCallImpl<\n"
         "race:^grpc::internal::ClientCallbackReaderImpl<*>::StartCall()$\n"
         "race:^grpc::internal::ClientCallbackReaderImpl<*>::"
         "ClientCallbackReaderImpl\n"
         "race:^grpc::internal::CallOpSet<\n"
         // Counts references inside the library.
         "race:^~Status$\n";
}
