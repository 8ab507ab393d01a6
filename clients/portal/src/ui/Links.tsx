import { Anchor, Breadcrumbs, Button } from "@mantine/core";
import type { ReactNode } from "react";
import { Link } from "wouter";
import type { Place } from "../lib/place";

interface Props extends Place {
  readonly children: ReactNode;
}

/** A link within the portal. */
export function TextLink({ to, state, children }: Props) {
  return (
    <Anchor
      inherit
      underline="always"
      renderRoot={(props) => <Link {...props} to={to} state={state} />}
    >
      {children}
    </Anchor>
  );
}

interface ButtonProps extends Props {
  readonly variant?: "filled" | "default";
}

export function ButtonLink({ to, children, variant = "filled" }: ButtonProps) {
  return (
    <Button component={Link} to={to} variant={variant}>
      {children}
    </Button>
  );
}

interface ExternalProps {
  readonly href: string;
  readonly children: ReactNode;
}

/** A link to a site that is not ours, in a window of its own. */
export function ExternalLink({ href, children }: ExternalProps) {
  // What a definition or a provider says is not ours: no script behind it.
  if (!/^https?:\/\//i.test(href)) return <>{children}</>;
  return (
    <Anchor
      href={href}
      target="_blank"
      rel="noopener noreferrer"
      inherit
      underline="always"
    >
      {children}
    </Anchor>
  );
}

export interface Crumb extends Place {
  readonly text: string;
}

/** The way from the application to this page. */
export function Trail({ crumbs }: { readonly crumbs: readonly Crumb[] }) {
  return (
    <nav aria-label="Breadcrumbs">
      <Breadcrumbs mb="xs" fz="sm" separatorMargin="xs">
        {crumbs.map(({ to, state, text }) => (
          <TextLink key={to} to={to} state={state}>
            {text}
          </TextLink>
        ))}
      </Breadcrumbs>
    </nav>
  );
}
