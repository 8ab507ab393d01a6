package dev.valetkey.testing;

import dev.valetkey.v1.Application;
import dev.valetkey.v1.ApplicationServiceGrpc;
import dev.valetkey.v1.CreateApplicationRequest;
import dev.valetkey.v1.CreateApplicationResponse;
import dev.valetkey.v1.CreateKeyRequest;
import dev.valetkey.v1.CreateKeyResponse;
import dev.valetkey.v1.DeleteApplicationRequest;
import dev.valetkey.v1.DeleteApplicationResponse;
import dev.valetkey.v1.ErrorReason;
import dev.valetkey.v1.GetApplicationRequest;
import dev.valetkey.v1.GetApplicationResponse;
import dev.valetkey.v1.Key;
import dev.valetkey.v1.ListApplicationsRequest;
import dev.valetkey.v1.ListApplicationsResponse;
import dev.valetkey.v1.ListKeysRequest;
import dev.valetkey.v1.ListKeysResponse;
import dev.valetkey.v1.RevokeKeyRequest;
import dev.valetkey.v1.RevokeKeyResponse;
import dev.valetkey.v1.UpdateApplicationRequest;
import dev.valetkey.v1.UpdateApplicationResponse;
import io.grpc.stub.StreamObserver;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Keeps applications and keys, which open nothing. Guarded by this. */
final class FakeApplications extends ApplicationServiceGrpc.ApplicationServiceImplBase {
  private final FakeState state;
  private final Map<String, Application> applications = new TreeMap<>();
  private final Map<String, Key> keys = new TreeMap<>();

  FakeApplications(FakeState state, String application) {
    this.state = state;
    applications.put(application, Application.newBuilder().setName(application).build());
  }

  @Override
  public synchronized void createApplication(
      CreateApplicationRequest request, StreamObserver<CreateApplicationResponse> observer) {
    String name = "applications/" + request.getApplicationId();
    if (applications.containsKey(name)) {
      throw FakeErrors.error(ErrorReason.RESOURCE_EXISTS, Map.of());
    }
    Application made =
        request.getApplication().toBuilder().setName(name).setCreateTime(state.now()).build();
    applications.put(name, made);
    FakeTokens.answer(
        observer, CreateApplicationResponse.newBuilder().setApplication(made).build());
  }

  @Override
  public synchronized void getApplication(
      GetApplicationRequest request, StreamObserver<GetApplicationResponse> observer) {
    Application application = application(request.getName());
    FakeTokens.answer(
        observer, GetApplicationResponse.newBuilder().setApplication(application).build());
  }

  @Override
  public synchronized void listApplications(
      ListApplicationsRequest request, StreamObserver<ListApplicationsResponse> observer) {
    FakePages<Application> page =
        FakePages.of(
            List.copyOf(applications.values()), request.getPageSize(), request.getPageToken());
    FakeTokens.answer(
        observer,
        ListApplicationsResponse.newBuilder()
            .addAllApplications(page.items())
            .setNextPageToken(page.nextToken())
            .build());
  }

  @Override
  public synchronized void updateApplication(
      UpdateApplicationRequest request, StreamObserver<UpdateApplicationResponse> observer) {
    Application.Builder changed = application(request.getApplication().getName()).toBuilder();
    FakeMasks.apply(request.getUpdateMask(), request.getApplication(), changed);
    applications.put(changed.getName(), changed.build());
    FakeTokens.answer(
        observer, UpdateApplicationResponse.newBuilder().setApplication(changed).build());
  }

  @Override
  public synchronized void deleteApplication(
      DeleteApplicationRequest request, StreamObserver<DeleteApplicationResponse> observer) {
    applications.remove(application(request.getName()).getName());
    FakeTokens.answer(observer, DeleteApplicationResponse.getDefaultInstance());
  }

  @Override
  public synchronized void createKey(
      CreateKeyRequest request, StreamObserver<CreateKeyResponse> observer) {
    String id = "k-" + (keys.size() + 1);
    Key key =
        Key.newBuilder()
            .setName(application(request.getParent()).getName() + "/keys/" + id)
            .setDisplayName(request.getDisplayName())
            .addAllRights(request.getRightsList())
            .setCreateTime(state.now())
            .build();
    keys.put(key.getName(), key);
    FakeTokens.answer(
        observer, CreateKeyResponse.newBuilder().setKey(key).setSecret("vk_fake-" + id).build());
  }

  @Override
  public synchronized void listKeys(
      ListKeysRequest request, StreamObserver<ListKeysResponse> observer) {
    FakePages<Key> page =
        FakePages.of(
            keys.values().stream()
                .filter(key -> key.getName().startsWith(request.getParent() + "/"))
                .toList(),
            request.getPageSize(),
            request.getPageToken());
    FakeTokens.answer(
        observer,
        ListKeysResponse.newBuilder()
            .addAllKeys(page.items())
            .setNextPageToken(page.nextToken())
            .build());
  }

  @Override
  public synchronized void revokeKey(
      RevokeKeyRequest request, StreamObserver<RevokeKeyResponse> observer) {
    Key key = keys.get(request.getName());
    if (key == null) {
      throw FakeErrors.error(ErrorReason.KEY_NOT_FOUND, Map.of());
    }
    Key revoked = key.toBuilder().setRevokeTime(state.now()).build();
    keys.put(key.getName(), revoked);
    FakeTokens.answer(observer, RevokeKeyResponse.newBuilder().setKey(revoked).build());
  }

  private Application application(String name) {
    Application application = applications.get(name);
    if (application == null) {
      throw FakeErrors.error(ErrorReason.APPLICATION_NOT_FOUND, Map.of());
    }
    return application;
  }
}
