package dev.valetkey.testing;

import dev.valetkey.v1.Connection;
import dev.valetkey.v1.ConnectionServiceGrpc;
import dev.valetkey.v1.ConnectionState;
import dev.valetkey.v1.DeleteConnectionRequest;
import dev.valetkey.v1.DeleteConnectionResponse;
import dev.valetkey.v1.GetConnectionRequest;
import dev.valetkey.v1.GetConnectionResponse;
import dev.valetkey.v1.ListConnectionsRequest;
import dev.valetkey.v1.ListConnectionsResponse;
import dev.valetkey.v1.UpdateConnectionRequest;
import dev.valetkey.v1.UpdateConnectionResponse;
import io.grpc.stub.StreamObserver;

/** Shows the state's connections. */
final class FakeConnections extends ConnectionServiceGrpc.ConnectionServiceImplBase {
  private final FakeState state;

  FakeConnections(FakeState state) {
    this.state = state;
  }

  @Override
  public void getConnection(
      GetConnectionRequest request, StreamObserver<GetConnectionResponse> observer) {
    Connection connection = state.connection(request.getName());
    FakeTokens.answer(
        observer, GetConnectionResponse.newBuilder().setConnection(connection).build());
  }

  @Override
  public void listConnections(
      ListConnectionsRequest request, StreamObserver<ListConnectionsResponse> observer) {
    ListConnectionsResponse response;
    synchronized (state) {
      FakePages<Connection> page =
          FakePages.of(
              state.connections().stream().filter(c -> matches(request, c)).toList(),
              request.getPageSize(),
              request.getPageToken());
      response =
          ListConnectionsResponse.newBuilder()
              .addAllConnections(page.items())
              .setNextPageToken(page.nextToken())
              .setCursor(state.events().cursor())
              .build();
    }
    FakeTokens.answer(observer, response);
  }

  private static boolean matches(ListConnectionsRequest request, Connection connection) {
    boolean anyState = request.getState() == ConnectionState.CONNECTION_STATE_UNSPECIFIED;
    return connection.getName().startsWith(request.getParent() + "/")
        && (request.getProvider().isEmpty()
            || request.getProvider().equals(connection.getProvider()))
        && (request.getSubject().isEmpty() || request.getSubject().equals(connection.getSubject()))
        && (anyState || request.getState() == connection.getState())
        && connection.getLabelsMap().entrySet().containsAll(request.getLabelsMap().entrySet());
  }

  @Override
  public void updateConnection(
      UpdateConnectionRequest request, StreamObserver<UpdateConnectionResponse> observer) {
    Connection wanted = request.getConnection();
    Connection changed = state.setLabels(wanted.getName(), wanted.getLabelsMap(), wanted.getEtag());
    FakeTokens.answer(
        observer, UpdateConnectionResponse.newBuilder().setConnection(changed).build());
  }

  @Override
  public void deleteConnection(
      DeleteConnectionRequest request, StreamObserver<DeleteConnectionResponse> observer) {
    state.delete(request.getName(), request.getEtag());
    FakeTokens.answer(observer, DeleteConnectionResponse.getDefaultInstance());
  }
}
