package dev.valetkey.testing;

import io.grpc.BindableService;
import io.grpc.InsecureServerCredentials;
import io.grpc.Server;
import io.grpc.ServerCredentials;
import io.grpc.ServerInterceptor;
import io.grpc.TlsServerCredentials;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.netty.shaded.io.netty.channel.EventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.MultiThreadIoEventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.nio.NioIoHandler;
import io.grpc.netty.shaded.io.netty.channel.socket.nio.NioServerSocketChannel;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** The gRPC server: one thread, on which the calls run. Not thread-safe. */
final class FakeServer {
  private final ServerCredentials credentials;
  private final List<BindableService> services;
  private final ServerInterceptor script;
  private int port;
  private EventLoopGroup loop;
  private Server server;

  FakeServer(
      ServerCredentials credentials, List<BindableService> services, ServerInterceptor script) {
    this.credentials = credentials;
    this.services = services;
    this.script = script;
  }

  static ServerCredentials plain() {
    return InsecureServerCredentials.create();
  }

  /** PEM files. Null authorities: no client certificate is asked for. */
  static ServerCredentials tls(File certificate, File key, File clientAuthorities) {
    TlsServerCredentials.Builder tls = TlsServerCredentials.newBuilder();
    try {
      tls.keyManager(certificate, key);
      if (clientAuthorities != null) {
        tls.trustManager(clientAuthorities);
        tls.clientAuth(TlsServerCredentials.ClientAuth.REQUIRE);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return tls.build();
  }

  /** The same port as before, if it ran before. */
  void start() {
    loop =
        new MultiThreadIoEventLoopGroup(
            1,
            task -> {
              Thread thread = new Thread(task, "valetkey-fake");
              thread.setDaemon(true);
              return thread;
            },
            NioIoHandler.newFactory());
    NettyServerBuilder builder =
        NettyServerBuilder.forAddress(
                new InetSocketAddress(InetAddress.getLoopbackAddress(), port), credentials)
            .channelType(NioServerSocketChannel.class)
            .bossEventLoopGroup(loop)
            .workerEventLoopGroup(loop)
            .directExecutor()
            .permitKeepAliveTime(1, TimeUnit.SECONDS)
            .intercept(script);
    services.forEach(builder::addService);
    try {
      server = builder.build().start();
    } catch (IOException e) {
      loop.shutdownGracefully(0, 1, TimeUnit.SECONDS);
      throw new UncheckedIOException(e);
    }
    port = server.getPort();
  }

  String target() {
    return "127.0.0.1:" + port;
  }

  /** As if the process were killed: connections are cut. May be called again. */
  void stop() {
    if (server == null) {
      return;
    }
    server.shutdownNow();
    try {
      server.awaitTermination(2, TimeUnit.SECONDS);
      loop.shutdownGracefully(0, 1, TimeUnit.SECONDS).await(2, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      server = null;
    }
  }
}
