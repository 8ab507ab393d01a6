package dev.valetkey;

import io.grpc.Channel;
import io.grpc.ClientInterceptors;
import io.grpc.Metadata;
import io.grpc.stub.MetadataUtils;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * What the views of a client share: the channel, the threads, and whatever has to be closed with
 * them. Thread-safe.
 */
final class Core {
  private static final AtomicInteger COUNT = new AtomicInteger();

  private final Config config;
  private final CallbackThreads callbacks;
  private final SystemTiming systemTiming;
  private final Transport transport;
  private final Calls calls;
  private final Set<Child> children = ConcurrentHashMap.newKeySet();
  private final Map<String, SharedWatch> watches = new HashMap<>();
  private boolean closed;

  /** Timing may be null: the machine's. */
  Core(Config config, Timing given) {
    this.config = config;
    String prefix = "valetkey-" + COUNT.incrementAndGet();
    callbacks = new CallbackThreads(threads(prefix + "-call-"));
    systemTiming = new SystemTiming(threads(prefix + "-timer-"), callbacks.executor());
    Timing timing = given == null ? systemTiming : given;
    transport = new Transport(config, threads(prefix + "-io-"), callbacks.executor());
    Channel channel =
        new Connector(transport.channel(), config.address, timing, callbacks.executor());
    calls = new Calls(withKey(channel, config.apiKey), timing);
  }

  private static ThreadFactory threads(String prefix) {
    AtomicInteger count = new AtomicInteger();
    return task -> {
      Thread thread = new Thread(task, prefix + count.incrementAndGet());
      thread.setDaemon(true);
      return thread;
    };
  }

  private static Channel withKey(Channel channel, String apiKey) {
    if (apiKey.isEmpty()) {
      return channel;
    }
    Metadata headers = new Metadata();
    headers.put(
        Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER), "Bearer " + apiKey);
    return ClientInterceptors.intercept(
        channel, MetadataUtils.newAttachHeadersInterceptor(headers));
  }

  Config config() {
    return config;
  }

  Names names() {
    return config.names;
  }

  Calls calls() {
    return calls;
  }

  /** To be closed with the client, unless it is closed before. */
  void adopt(Child child) {
    children.add(child);
    if (calls.isClosed()) {
      child.close();
    }
  }

  void disown(Child child) {
    children.remove(child);
  }

  /** Adds the keeper to the watch of its application, which it opens if it is the first. */
  SharedWatch joinWatch(String application, TokenKeeper keeper) {
    SharedWatch watch;
    synchronized (watches) {
      watch = watches.computeIfAbsent(application, name -> new SharedWatch(calls, name));
      watch.add(keeper);
    }
    watch.open();
    return watch;
  }

  void leaveWatch(String application, TokenKeeper keeper) {
    SharedWatch watch;
    synchronized (watches) {
      watch = watches.get(application);
      if (watch == null || !watch.remove(keeper)) {
        return;
      }
      watches.remove(application);
    }
    watch.close();
  }

  /** May be called again. */
  void close() {
    synchronized (this) {
      if (closed) {
        return;
      }
      closed = true;
    }
    calls.close();
    for (Child child : List.copyOf(children)) {
      child.close();
    }
    systemTiming.close();
    transport.closeChannel();
    // gRPC's last tasks still write to the loop.
    callbacks.close(transport::closeLoop);
  }

  /** What ends with the client. */
  interface Child {
    /** May be called again, from any thread. */
    void close();
  }
}
