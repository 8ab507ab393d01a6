package examples;

import dev.valetkey.ReauthorizationRequiredException;
import dev.valetkey.Token;
import dev.valetkey.TokenSource;
import dev.valetkey.ValetKeyClient;

/** Reads a connection's token. The argument is its name, such as c-7. */
public final class GetToken {
  private GetToken() {}

  public static void main(String[] arguments) {
    try (ValetKeyClient client = ValetKeyClient.create()) {
      TokenSource source = client.tokenSource(arguments[0]);
      Token token = source.token();
      System.out.println("generation " + token.generation() + " of " + source.connection());
      System.out.println("scopes: " + String.join(" ", token.scopes()));
      token.expireTime().ifPresent(time -> System.out.println("expires: " + time));
    } catch (ReauthorizationRequiredException e) {
      System.err.println(e.subject() + " must connect again: " + e.provider());
      System.exit(3);
    }
  }
}
