package dev.valetkey;

import io.grpc.ChannelCredentials;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.TlsChannelCredentials;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.netty.shaded.io.netty.channel.ChannelOption;
import io.grpc.netty.shaded.io.netty.channel.EventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.MultiThreadIoEventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.nio.NioIoHandler;
import io.grpc.netty.shaded.io.netty.channel.socket.nio.NioDomainSocketChannel;
import io.grpc.netty.shaded.io.netty.channel.socket.nio.NioSocketChannel;
import io.grpc.netty.shaded.io.netty.util.concurrent.Future;
import java.io.File;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.util.concurrent.Executor;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;

/**
 * The gRPC channel and the one thread that does its input and output. Java's own sockets, Unix ones
 * among them, are the same on every platform, and one connection needs no faster ones.
 */
final class Transport {
  private static final int MAX_MESSAGE_BYTES = 64 << 20;

  private final EventLoopGroup loop;
  private final ManagedChannel channel;

  Transport(Config config, ThreadFactory threads, Executor executor) {
    ChannelCredentials credentials = credentials(config);
    loop = new MultiThreadIoEventLoopGroup(1, threads, NioIoHandler.newFactory());
    channel =
        builder(config, credentials)
            .eventLoopGroup(loop)
            .executor(executor)
            .offloadExecutor(executor)
            .userAgent("valetkey-java/" + Version.TEXT)
            .keepAliveTime(60, TimeUnit.SECONDS)
            .keepAliveTimeout(20, TimeUnit.SECONDS)
            // A page of a thousand connections with all their labels is above gRPC's 4 MiB.
            .maxInboundMessageSize(MAX_MESSAGE_BYTES)
            // The library's own retries are the only ones.
            .disableRetry()
            .build();
  }

  ManagedChannel channel() {
    return channel;
  }

  private static NettyChannelBuilder builder(Config config, ChannelCredentials credentials) {
    Address address = config.address;
    if (address.isUnix()) {
      return NettyChannelBuilder.forAddress(UnixDomainSocketAddress.of(address.path()), credentials)
          .channelType(NioDomainSocketChannel.class, UnixDomainSocketAddress.class)
          // Null takes away what gRPC sets on all sockets: Netty would warn that there is no such.
          .withOption(ChannelOption.SO_KEEPALIVE, null)
          .overrideAuthority("localhost");
    }
    NettyChannelBuilder builder =
        NettyChannelBuilder.forAddress(address.host(), address.port(), credentials)
            .channelType(NioSocketChannel.class);
    if (!config.serverName.isEmpty()) {
      builder.overrideAuthority(config.serverName);
    }
    if (address.isLoopback()) {
      builder.proxyDetector(target -> null);
    }
    return builder;
  }

  private static ChannelCredentials credentials(Config config) {
    if (!config.tls) {
      return InsecureChannelCredentials.create();
    }
    TlsChannelCredentials.Builder tls = TlsChannelCredentials.newBuilder();
    try {
      if (!config.tlsCa.isEmpty() && !config.tlsCa.equals(Config.SYSTEM)) {
        tls.trustManager(new File(config.tlsCa));
      }
      if (!config.tlsCert.isEmpty()) {
        tls.keyManager(new File(config.tlsCert), new File(config.tlsKey));
      }
    } catch (IOException e) {
      throw new ConfigException("a TLS file cannot be read: " + e, e);
    }
    return tls.build();
  }

  /** Ends the calls and closes the socket. */
  void closeChannel() {
    channel.shutdownNow();
    await(() -> channel.awaitTermination(2, TimeUnit.SECONDS));
  }

  /** Ends the thread, which nothing may use any more. */
  void closeLoop() {
    Future<?> end = loop.shutdownGracefully(0, 1, TimeUnit.SECONDS);
    await(() -> end.await(2, TimeUnit.SECONDS));
  }

  private interface Wait {
    boolean isOver() throws InterruptedException;
  }

  private static void await(Wait wait) {
    try {
      wait.isOver();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
