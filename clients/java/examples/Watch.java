package examples;

import dev.valetkey.ValetKeyClient;
import dev.valetkey.v1.Event;
import dev.valetkey.v1.WatchEventsResponse;

/** Prints what happens to the application's connections, until it is interrupted. */
public final class Watch {
  private Watch() {}

  public static void main(String[] arguments) {
    try (ValetKeyClient client = ValetKeyClient.create();
        dev.valetkey.Watch watch = client.watch()) {
      for (WatchEventsResponse message : watch) {
        if (message.hasEvent()) {
          Event event = message.getEvent();
          System.out.println(
              event.getType() + " " + event.getConnection() + " " + event.getGeneration());
        } else {
          System.out.println("up to " + message.getCursor());
        }
      }
    }
  }
}
