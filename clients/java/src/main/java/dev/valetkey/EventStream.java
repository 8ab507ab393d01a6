package dev.valetkey;

import dev.valetkey.v1.EventServiceGrpc;
import dev.valetkey.v1.WatchEventsRequest;
import dev.valetkey.v1.WatchEventsResponse;
import io.grpc.ClientCall;
import io.grpc.Context;
import io.grpc.Metadata;
import io.grpc.Status;

/** One WatchEvents call, from its begin to its end. Thread-safe. */
final class EventStream {
  private final ClientCall<WatchEventsRequest, WatchEventsResponse> call;

  /** What becomes of the call. Its methods are called one after the other. */
  interface Listener {
    /** The next message comes when {@link EventStream#next} has been called. */
    void message(WatchEventsResponse message);

    /** The stream is over, for whatever reason. */
    void ended(Failure failure);
  }

  /** Begins it, whoever's context this is: the stream outlives the caller. */
  EventStream(Calls calls, WatchEventsRequest request, Listener listener) {
    Context before = Context.ROOT.attach();
    try {
      call = calls.stream(EventServiceGrpc.getWatchEventsMethod(), request, new Relay(listener));
    } finally {
      Context.ROOT.detach(before);
    }
  }

  /** Asks for one more message. */
  void next() {
    call.request(1);
  }

  void cancel() {
    call.cancel("the watch is closed", null);
  }

  private static final class Relay extends ClientCall.Listener<WatchEventsResponse> {
    private final Listener listener;

    Relay(Listener listener) {
      this.listener = listener;
    }

    @Override
    public void onMessage(WatchEventsResponse message) {
      listener.message(message);
    }

    @Override
    public void onClose(Status status, Metadata trailers) {
      listener.ended(
          status.isOk()
              ? Failure.of(Status.Code.UNAVAILABLE, "the server ended the stream")
              : GrpcErrors.failure(status, trailers));
    }
  }
}
