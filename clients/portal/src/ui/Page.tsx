import { Text, Title } from "@mantine/core";
import type { ReactNode } from "react";
import { useEffect, useRef } from "react";
import { arrive } from "../lib/place";
import styles from "./layout.module.css";

/** Whether a page was shown before: the first leaves the focus alone. */
let shown = false;

interface Props {
  readonly title: string;
  readonly subtitle?: ReactNode;
  /** Beside the title. */
  readonly actions?: ReactNode;
  readonly children: ReactNode;
}

/**
 * A page with its title in the window's title too. On arrival the focus goes
 * to the heading, so that a screen reader tells where one is.
 */
export function Page({ title, subtitle, actions, children }: Props) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · ValetKey`;
  }, [title]);
  useEffect(() => {
    if (shown) {
      heading.current?.focus({ preventScroll: true });
      arrive();
    }
    shown = true;
  }, []);
  return (
    <div className={styles.column}>
      <div className={styles.pageHead}>
        <div>
          <Title
            order={1}
            size="h2"
            ref={heading}
            tabIndex={-1}
            className={styles.heading}
          >
            {title}
          </Title>
          {subtitle === undefined ? null : (
            <Text component="div" c="dimmed" size="sm" mt={4}>
              {subtitle}
            </Text>
          )}
        </div>
        {actions}
      </div>
      {children}
    </div>
  );
}
