package dev.valetkey;

import com.google.protobuf.FieldMask;
import dev.valetkey.v1.Connection;
import dev.valetkey.v1.ConnectionServiceGrpc;
import dev.valetkey.v1.DeleteConnectionRequest;
import dev.valetkey.v1.GetConnectionRequest;
import dev.valetkey.v1.GetConnectionResponse;
import dev.valetkey.v1.ListConnectionsRequest;
import dev.valetkey.v1.ListConnectionsResponse;
import dev.valetkey.v1.UpdateConnectionRequest;
import dev.valetkey.v1.UpdateConnectionResponse;
import java.util.Map;
import java.util.concurrent.CompletableFuture;

/** The calls about connections: their health, labels and end. Thread-safe. */
public final class Connections {
  private final Caller caller;

  Connections(Caller caller) {
    this.caller = caller;
  }

  /**
   * One connection and its health.
   *
   * @param name of the connection
   * @return the connection
   */
  public Connection get(String name) {
    return Calls.await(getAsync(name));
  }

  /**
   * As {@link #get}.
   *
   * @param name as there
   * @return as there
   */
  public CompletableFuture<Connection> getAsync(String name) {
    GetConnectionRequest full =
        GetConnectionRequest.newBuilder().setName(caller.names().connection(name)).build();
    return caller.start(
        ConnectionServiceGrpc.getGetConnectionMethod(), full, GetConnectionResponse::getConnection);
  }

  /**
   * All connections that match, by name, whose pages are fetched as they are needed.
   *
   * @param request the page token is not used
   * @return walks the list anew each time
   */
  public Iterable<Connection> list(ListConnectionsRequest request) {
    return new Pages<>(
        token -> listPage(request.toBuilder().setPageToken(token).build()),
        ListConnectionsResponse::getConnectionsList,
        ListConnectionsResponse::getNextPageToken);
  }

  /**
   * One page.
   *
   * @param request with the page token of the page before
   * @return the page
   */
  public ListConnectionsResponse listPage(ListConnectionsRequest request) {
    return Calls.await(listPageAsync(request));
  }

  /**
   * As {@link #listPage}.
   *
   * @param request as there
   * @return as there
   */
  public CompletableFuture<ListConnectionsResponse> listPageAsync(ListConnectionsRequest request) {
    ListConnectionsRequest full =
        request.toBuilder()
            .setParent(caller.names().application(request.getParent()))
            .setProvider(caller.names().provider(request.getProvider()))
            .build();
    return caller.start(ConnectionServiceGrpc.getListConnectionsMethod(), full);
  }

  /**
   * Replaces the labels.
   *
   * @param name of the connection
   * @param labels all that it shall have
   * @param etag the one that was read; empty: whatever it is now
   * @return the changed connection
   */
  public Connection updateLabels(String name, Map<String, String> labels, String etag) {
    return Calls.await(updateLabelsAsync(name, labels, etag));
  }

  /**
   * As {@link #updateLabels}.
   *
   * @param name as there
   * @param labels as there
   * @param etag as there
   * @return as there
   */
  public CompletableFuture<Connection> updateLabelsAsync(
      String name, Map<String, String> labels, String etag) {
    Connection connection =
        Connection.newBuilder()
            .setName(caller.names().connection(name))
            .putAllLabels(labels)
            .setEtag(etag)
            .build();
    UpdateConnectionRequest full =
        UpdateConnectionRequest.newBuilder()
            .setConnection(connection)
            .setUpdateMask(FieldMask.newBuilder().addPaths("labels"))
            .build();
    return caller.start(
        ConnectionServiceGrpc.getUpdateConnectionMethod(),
        full,
        UpdateConnectionResponse::getConnection);
  }

  /**
   * Destroys the record. The provider is not told: revoke first if it shall be.
   *
   * @param name of the connection
   * @param etag the one that was read; empty: whatever it is now
   */
  public void delete(String name, String etag) {
    Calls.await(deleteAsync(name, etag));
  }

  /**
   * As {@link #delete}.
   *
   * @param name as there
   * @param etag as there
   * @return done when it is gone
   */
  public CompletableFuture<Void> deleteAsync(String name, String etag) {
    DeleteConnectionRequest full =
        DeleteConnectionRequest.newBuilder()
            .setName(caller.names().connection(name))
            .setEtag(etag)
            .build();
    return caller.start(ConnectionServiceGrpc.getDeleteConnectionMethod(), full, done -> null);
  }
}
