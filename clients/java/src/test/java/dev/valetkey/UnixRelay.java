package dev.valetkey;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** A Unix socket in front of a port. */
final class UnixRelay implements AutoCloseable {
  private final Path path;
  private final InetSocketAddress target;
  private final ServerSocketChannel server;
  private final List<SocketChannel> open = new ArrayList<>();
  private int accepted;

  /** The target is 127.0.0.1 and a port. */
  UnixRelay(Path path, String target) throws IOException {
    this.path = path;
    this.target =
        new InetSocketAddress(
            InetAddress.getLoopbackAddress(),
            Integer.parseInt(target.substring(target.indexOf(':') + 1)));
    server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
    server.bind(UnixDomainSocketAddress.of(path));
    new Thread(this::run).start();
  }

  synchronized int accepted() {
    return accepted;
  }

  private void run() {
    try {
      while (true) {
        SocketChannel near = server.accept();
        SocketChannel far = SocketChannel.open(target);
        synchronized (this) {
          accepted++;
          open.add(near);
          open.add(far);
        }
        new Thread(() -> pump(near, far)).start();
        new Thread(() -> pump(far, near)).start();
      }
    } catch (IOException closed) {
      // The end.
    }
  }

  private static void pump(SocketChannel from, SocketChannel to) {
    ByteBuffer buffer = ByteBuffer.allocate(4096);
    try (from;
        to) {
      while (from.read(buffer) >= 0) {
        buffer.flip();
        while (buffer.hasRemaining()) {
          to.write(buffer);
        }
        buffer.clear();
      }
    } catch (IOException closed) {
      // The end.
    }
  }

  @Override
  public synchronized void close() throws IOException {
    server.close();
    Files.deleteIfExists(path);
    for (SocketChannel channel : open) {
      channel.close();
    }
  }
}
