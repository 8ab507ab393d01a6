import type { Health, Level } from "../lib/health";
import styles from "./layout.module.css";

// Told apart by shape too, not by color alone.
const shapes: Record<Level, string> = {
  good: "M2 8.5 6.5 13 14 4",
  note: "M8 7v7M8 2.5v.5",
  attention: "M8 2v7M8 13v.5",
  bad: "M3 3l10 10M13 3 3 13",
  ended: "M3 8h10",
};

/** A connection's health in two or three words. */
export function HealthMark({ health }: { readonly health: Health }) {
  return (
    <span className={styles.health} data-level={health.level}>
      <svg width="14" height="14" viewBox="0 0 16 16" aria-hidden>
        <path
          d={shapes[health.level]}
          fill="none"
          stroke="currentColor"
          strokeWidth="2.5"
          strokeLinecap="round"
          strokeLinejoin="round"
        />
      </svg>
      {health.title}
    </span>
  );
}
