// Calls an API of a provider with a connection's token.
//
//   node get_token.js c-7 https://api.pinterest.com/v5/user_account
//
// The address, the API key and the application come from the environment:
// VALETKEY_ADDRESS, VALETKEY_API_KEY, VALETKEY_APPLICATION.
import {
  authorizedFetch,
  Client,
  ReauthorizationRequiredError,
  UnavailableError,
} from "@valetkey/client";

const [, , connection, url] = process.argv;
if (connection === undefined || url === undefined) {
  console.error("usage: get_token CONNECTION URL");
  process.exit(2);
}

const client = new Client();
try {
  const source = client.tokenSource(connection);
  const token = await source.token();
  const until = token.expiresAt?.toISOString() ?? "for ever";
  console.log(`generation ${String(token.generation)}, valid ${until}`);

  // Sets the Authorization header, and renews the token after a 401.
  const answer = await authorizedFetch(source)(url);
  console.log(answer.status, await answer.text());
} catch (error) {
  if (error instanceof ReauthorizationRequiredError) {
    const { authorizationUri } = await client.authorize(error.authorizeParams);
    console.error(`the person must consent again: ${authorizationUri}`);
  } else if (error instanceof UnavailableError) {
    const wait = error.retryDelayMs ?? 0;
    console.error(`try again in ${String(wait)} ms: ${error.message}`);
  } else {
    throw error;
  }
  process.exitCode = 1;
} finally {
  await client.close();
}
