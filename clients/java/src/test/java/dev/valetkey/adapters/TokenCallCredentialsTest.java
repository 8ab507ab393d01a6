package dev.valetkey.adapters;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.valetkey.Eventually;
import dev.valetkey.TokenSource;
import dev.valetkey.UnavailableException;
import dev.valetkey.ValetKeyClient;
import dev.valetkey.testing.FakeHold;
import dev.valetkey.testing.FakeValetKey;
import dev.valetkey.v1.ApplicationServiceGrpc;
import dev.valetkey.v1.ApplicationServiceGrpc.ApplicationServiceBlockingStub;
import dev.valetkey.v1.ErrorReason;
import dev.valetkey.v1.GetApplicationRequest;
import io.grpc.Attributes;
import io.grpc.CallCredentials;
import io.grpc.CallOptions;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.SecurityLevel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A second fake is the provider: it takes the token as its API key. */
class TokenCallCredentialsTest {
  private static final GetApplicationRequest REQUEST =
      GetApplicationRequest.newBuilder().setName("applications/shop").build();

  private FakeValetKey fake;
  private FakeValetKey provider;
  private ValetKeyClient client;
  private TokenSource source;
  private ManagedChannel channel;

  @BeforeEach
  void start() {
    fake = FakeValetKey.start();
    provider = FakeValetKey.builder().apiKey("fake-c-7-2").start();
    client = fake.client();
    source = client.tokenSource("c-7");
    channel =
        Grpc.newChannelBuilder(provider.address(), InsecureChannelCredentials.create()).build();
  }

  @AfterEach
  void stop() throws InterruptedException {
    channel.shutdownNow().awaitTermination(5, TimeUnit.SECONDS);
    client.close();
    provider.close();
    fake.close();
  }

  private ApplicationServiceBlockingStub stub() {
    return ApplicationServiceGrpc.newBlockingStub(channel).withDeadlineAfter(10, TimeUnit.SECONDS);
  }

  private static Status status(ApplicationServiceBlockingStub stub) {
    return assertThrows(StatusRuntimeException.class, () -> stub.getApplication(REQUEST))
        .getStatus();
  }

  @Test
  void setTheHeader() {
    fake.setToken("c-7", "fake-c-7-2", Duration.ofHours(1));
    TokenCallCredentials credentials = new TokenCallCredentials(source);
    assertEquals(
        "applications/shop",
        stub().withCallCredentials(credentials).getApplication(REQUEST).getApplication().getName());
    assertEquals(
        "applications/shop",
        ApplicationServiceGrpc.newBlockingStub(channel)
            .withCallCredentials(credentials)
            .getApplication(REQUEST)
            .getApplication()
            .getName());
  }

  @Test
  void theCallFailsWithoutAToken() {
    fake.setToken("c-7", "good", null);
    fake.fail("GetToken", ErrorReason.PROVIDER_UNAVAILABLE, 1, Duration.ofHours(1));
    Status status = status(stub().withCallCredentials(new TokenCallCredentials(source)));
    assertEquals(Status.Code.UNAVAILABLE, status.getCode());
    assertInstanceOf(UnavailableException.class, status.getCause());
    assertEquals(0, provider.calls("GetApplication"));
  }

  @Test
  void theCallsDeadlineIsTheReaders() {
    fake.setToken("c-7", "good", null);
    CompletableFuture<Status> failed = new CompletableFuture<>();
    CallCredentials.MetadataApplier applier =
        new CallCredentials.MetadataApplier() {
          @Override
          public void apply(Metadata headers) {
            failed.completeExceptionally(new AssertionError("a token"));
          }

          @Override
          public void fail(Status status) {
            failed.complete(status);
          }
        };
    CallOptions options = CallOptions.DEFAULT.withDeadlineAfter(50, TimeUnit.MILLISECONDS);
    try (FakeHold hold = fake.hold("GetToken")) {
      new TokenCallCredentials(source).applyRequestMetadata(call(options), Runnable::run, applier);
      assertEquals(Status.Code.DEADLINE_EXCEEDED, failed.join().getCode());
      Eventually.await("the fetch to go on", () -> hold.waiting() == 1);
    }
  }

  private static CallCredentials.RequestInfo call(CallOptions options) {
    return new CallCredentials.RequestInfo() {
      @Override
      public MethodDescriptor<?, ?> getMethodDescriptor() {
        return ApplicationServiceGrpc.getGetApplicationMethod();
      }

      @Override
      public CallOptions getCallOptions() {
        return options;
      }

      @Override
      public SecurityLevel getSecurityLevel() {
        return SecurityLevel.NONE;
      }

      @Override
      public String getAuthority() {
        return "localhost";
      }

      @Override
      public Attributes getTransportAttrs() {
        return Attributes.EMPTY;
      }
    };
  }

  @Test
  void theInterceptorInvalidatesWhatTheProviderRefuses() {
    fake.setToken("c-7", "refused", Duration.ofHours(1));
    ApplicationServiceBlockingStub stub =
        stub().withInterceptors(new TokenClientInterceptor(source));
    assertEquals(Status.Code.UNAUTHENTICATED, status(stub).getCode());
    assertEquals("applications/shop", stub.getApplication(REQUEST).getApplication().getName());
    assertEquals(2, source.token().generation());
  }

  @Test
  void theInterceptorKeepsTheTokenOnOtherErrors() {
    fake.setToken("c-7", "fake-c-7-2", Duration.ofHours(1));
    provider.fail("GetApplication", Status.Code.INTERNAL, 1);
    ApplicationServiceBlockingStub stub =
        stub().withInterceptors(new TokenClientInterceptor(source));
    assertEquals(Status.Code.INTERNAL, status(stub).getCode());
    stub.getApplication(REQUEST);
    assertEquals(1, fake.calls("GetToken"));
  }
}
