import { Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { readCounter } from "../lib/rates";
import { Loading } from "../ui/Loaded";
import { Section } from "../ui/Section";

interface Sample {
  readonly served: number;
  readonly at: number;
}

/**
 * Tokens served by the server that answers, from its metrics: the contract has
 * no call for it.
 */
export function TokensServed() {
  const [first, setFirst] = useState<Sample>();
  const query = useQuery({
    queryKey: ["metrics"],
    refetchInterval: 10_000,
    retry: false,
    queryFn: async ({ signal }): Promise<Sample> => {
      const response = await fetch("/metrics", { signal });
      if (!response.ok)
        throw new Error(`/metrics answered ${String(response.status)}`);
      const served = readCounter(
        await response.text(),
        "valetkey_rpc_calls_total",
        {
          method: "valetkey.v1.TokenService/GetToken",
          code: "ok",
        },
      );
      const sample = { served: served ?? 0, at: Date.now() };
      // Another server, or the same after a restart, counts anew.
      setFirst((known) =>
        known === undefined || sample.served < known.served ? sample : known,
      );
      return sample;
    },
  });
  return (
    <Section title="Tokens served">
      {query.isPending ? (
        <Loading />
      ) : query.data === undefined ? (
        <Text size="sm">
          The server’s /metrics cannot be read from here. Look at them in your
          monitoring.
        </Text>
      ) : (
        <>
          <Text size="xl" fw={700}>
            {query.data.served.toLocaleString("en")}
          </Text>
          <Text size="sm">{rateWords(first, query.data)}</Text>
          <Text size="sm" c="dimmed">
            By the server that answers, to all applications, since it started.
            Tokens that sidecars and clients gave from their own memory are not
            among them.
          </Text>
        </>
      )}
    </Section>
  );
}

function rateWords(first: Sample | undefined, now: Sample): string {
  const minutes = first === undefined ? 0 : (now.at - first.at) / 60_000;
  if (first === undefined || minutes <= 0)
    return "The rate is known in a moment.";
  const rate = (now.served - first.served) / minutes;
  return `${rate.toLocaleString("en", { maximumFractionDigits: 1 })} per minute while you look`;
}
