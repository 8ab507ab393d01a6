import { Table, Text } from "@mantine/core";
import { useId } from "react";
import type { Minute } from "../lib/rates";
import { formatMinute } from "../lib/time";
import chart from "./chart.module.css";
import styles from "./layout.module.css";

interface Props {
  readonly title: string;
  readonly minutes: readonly Minute[];
}

const width = 800;
const height = 180;
const foot = 30;
const left = 44;

function failuresIn({ failed }: Minute): number {
  let count = 0;
  for (const more of failed.values()) count += more;
  return count;
}

/** A top of the axis that is above all bars and easy to halve. */
function topFor(most: number): number {
  let top = 4;
  while (top < most) top = top * 2;
  return top;
}

/** Refreshes per minute: those that failed stand on those that did not. */
export function BarChart({ title, minutes }: Props) {
  const id = useId();
  const most = Math.max(0, ...minutes.map((m) => m.succeeded + failuresIn(m)));
  const top = topFor(most);
  const step = (width - left) / minutes.length;
  const scale = (height - foot - 8) / top;
  const base = height - foot;
  const every = Math.ceil(minutes.length / 3);
  return (
    <div>
      <svg
        className={chart.chart}
        viewBox={`0 0 ${String(width)} ${String(height)}`}
        role="img"
        aria-labelledby={id}
      >
        <title id={id}>{title}</title>
        {[0, top / 2, top].map((value) => (
          <g key={value}>
            <line
              className={chart.grid}
              x1={left}
              x2={width}
              y1={base - value * scale}
              y2={base - value * scale}
            />
            <text
              className={chart.label}
              x={left - 6}
              y={base - value * scale + 4}
              textAnchor="end"
            >
              {value}
            </text>
          </g>
        ))}
        {minutes.map((minute, index) => {
          const x = left + index * step;
          const good = minute.succeeded * scale;
          const bad = failuresIn(minute) * scale;
          return (
            <g key={minute.start}>
              <rect
                className={chart.succeeded}
                x={x + 1.5}
                y={base - good}
                width={step - 3}
                height={good}
              />
              <rect
                className={chart.failed}
                x={x + 1.5}
                y={base - good - bad}
                width={step - 3}
                height={bad}
              />
              {index % every === 0 ? (
                <text
                  className={chart.label}
                  x={x + step / 2}
                  y={height - 6}
                  textAnchor="middle"
                >
                  {formatMinute(minute.start)}
                </text>
              ) : null}
            </g>
          );
        })}
      </svg>
      <Text size="sm" c="dimmed" className={chart.legend ?? ""}>
        <span className={chart.keySucceeded} aria-hidden /> succeeded
        <span className={chart.keyFailed} aria-hidden /> failed
      </Text>
      <details className={styles.details}>
        <summary>The same as a table</summary>
        <Table>
          <Table.Thead>
            <Table.Tr>
              <Table.Th scope="col">Minute</Table.Th>
              <Table.Th scope="col">Succeeded</Table.Th>
              <Table.Th scope="col">Failed</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {minutes.map((minute) => (
              <Table.Tr key={minute.start}>
                <Table.Td>{formatMinute(minute.start)}</Table.Td>
                <Table.Td>{minute.succeeded}</Table.Td>
                <Table.Td>{failuresIn(minute)}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </details>
    </div>
  );
}
