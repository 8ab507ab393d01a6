// Prints what happens to an application's connections, beginning with how they
// are, until Ctrl-C.
//
//   node watch.js
//
// The address, the API key and the application come from the environment:
// VALETKEY_ADDRESS, VALETKEY_API_KEY, VALETKEY_APPLICATION.
import { Client, ConnectionState, EventType } from "@valetkey/client";

const client = new Client();
process.once("SIGINT", () => {
  void client.close();
});

for await (const { message, cursor } of client.watch({ snapshot: true })) {
  switch (message.case) {
    case "connection":
      console.log(message.value.name, ConnectionState[message.value.state]);
      break;
    case "event":
      // Keep the cursor to go on after it: client.watch({ cursor }).
      console.log(
        message.value.connection,
        EventType[message.value.type],
        cursor,
      );
      break;
    default:
      console.log("up to date", cursor);
  }
}
