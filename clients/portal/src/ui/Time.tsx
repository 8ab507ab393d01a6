import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { describeTime, formatTime, millisOf } from "../lib/time";
import { useNow } from "./useNow";

interface Props {
  readonly time: Timestamp | undefined;
  /** What to say where there is none. */
  readonly none: string;
  /** Adds the date and the time of day. */
  readonly full?: boolean;
}

/** A moment, as far away as it is now. */
export function Time({ time, none, full = false }: Props) {
  const now = useNow();
  const millis = millisOf(time);
  if (millis === undefined) return <>{none}</>;
  const away = describeTime(millis, now);
  const at = formatTime(millis);
  return (
    <time dateTime={new Date(millis).toISOString()} title={at}>
      {full ? `${away} (${at})` : away}
    </time>
  );
}
