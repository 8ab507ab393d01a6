package dev.valetkey;

import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ConnectivityState;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import java.util.concurrent.Executor;

/**
 * The channel with the library's own waits between attempts to connect: grpc-java's are from 1 s to
 * 2 min and cannot be set.
 *
 * <p>After a failed attempt the channel is put to rest, so that it does not try by itself, and
 * calls fail at once until the wait is over. Thread-safe.
 */
final class Connector extends Channel {
  private final ManagedChannel channel;
  private final Timing timing;
  private final Executor executor;
  private final Status away;
  private final Backoff backoff;

  /** Written with the lock; read by each call. */
  private volatile boolean resting;

  private boolean waiting;

  Connector(ManagedChannel channel, Address address, Timing timing, Executor executor) {
    this.channel = channel;
    this.timing = timing;
    this.executor = executor;
    this.away = Status.UNAVAILABLE.withDescription(address + " cannot be reached");
    this.backoff = Backoff.ofConnecting(timing);
    follow(ConnectivityState.IDLE);
  }

  @Override
  public <Q, R> ClientCall<Q, R> newCall(MethodDescriptor<Q, R> method, CallOptions options) {
    return resting ? new Refused<>() : channel.newCall(method, options);
  }

  @Override
  public String authority() {
    return channel.authority();
  }

  private void follow(ConnectivityState from) {
    channel.notifyWhenStateChanged(from, this::changed);
  }

  private synchronized void changed() {
    ConnectivityState state = channel.getState(false);
    switch (state) {
      case TRANSIENT_FAILURE -> {
        resting = true;
        channel.enterIdle();
      }
      case IDLE -> {
        // Not before it rests: what still fails cannot be told to connect.
        if (resting && !waiting) {
          waiting = true;
          timing.schedule(backoff.next(), this::connect);
        }
      }
      case READY -> {
        resting = false;
        backoff.reset();
      }
      case SHUTDOWN -> {
        return;
      }
      case CONNECTING -> {}
    }
    follow(state);
  }

  private synchronized void connect() {
    waiting = false;
    resting = false;
    channel.getState(true);
  }

  /** A call that fails as if there were no connection, which is so. */
  private final class Refused<Q, R> extends ClientCall<Q, R> {
    @Override
    public void start(Listener<R> listener, Metadata headers) {
      executor.execute(() -> listener.onClose(away, new Metadata()));
    }

    @Override
    public void request(int messages) {}

    @Override
    public void cancel(String message, Throwable cause) {}

    @Override
    public void halfClose() {}

    @Override
    public void sendMessage(Q message) {}
  }
}
