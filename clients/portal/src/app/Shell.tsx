import {
  Button,
  NativeSelect,
  Text,
  useComputedColorScheme,
  useMantineColorScheme,
} from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useState } from "react";
import { Link, useLocation } from "wouter";
import { useSigned } from "../api/context";
import { useApplications } from "../api/queries";
import { changeSession, signOut } from "../api/session";
import { idOf, pathOf, systemApplication } from "../lib/names";
import { ErrorNotice } from "../ui/ErrorNotice";
import keyIcon from "../ui/key.svg";
import styles from "../ui/layout.module.css";

interface Props {
  /** `applications/{a}`; undefined outside of any. */
  readonly application: string | undefined;
  readonly children: ReactNode;
}

/** The frame around all pages: header, navigation, and the page itself. */
export function Shell({ application, children }: Props) {
  const { session } = useSigned();
  const [open, setOpen] = useState(false);
  const [error, setError] = useState<unknown>();
  const queries = useQueryClient();
  const leave = async () => {
    try {
      await signOut();
      changeSession(queries, null);
    } catch (failure) {
      setError(failure);
    }
  };
  return (
    <div className={styles.frame}>
      <a className={styles.skip} href="#main">
        Skip to the page
      </a>
      <header className={styles.header}>
        <Link className={styles.brand ?? ""} to="/">
          <img src={keyIcon} alt="" width="26" height="26" />
          ValetKey
        </Link>
        <span className={styles.spring} />
        <Button
          className={styles.toggle ?? ""}
          variant="default"
          size="xs"
          aria-expanded={open}
          aria-controls="navigation"
          onClick={() => {
            setOpen(!open);
          }}
        >
          Menu
        </Button>
        {session.person === "" ? null : (
          <Text className={styles.who ?? ""} size="sm" title={session.person}>
            {session.person}
          </Text>
        )}
        <SchemeButton />
        <Button variant="default" size="xs" onClick={leave}>
          Sign out
        </Button>
      </header>
      <nav
        id="navigation"
        className={styles.nav}
        aria-label="Main"
        data-open={open || undefined}
        onClick={(event) => {
          if (event.target instanceof HTMLAnchorElement) setOpen(false);
        }}
      >
        <Navigation application={application} />
      </nav>
      <main id="main" className={styles.main} tabIndex={-1}>
        <ErrorNotice error={error} />
        {children}
      </main>
    </div>
  );
}

function SchemeButton() {
  const scheme = useComputedColorScheme("light");
  const { setColorScheme } = useMantineColorScheme();
  const other = scheme === "dark" ? "light" : "dark";
  return (
    <Button
      variant="default"
      size="xs"
      aria-label={`Use ${other} colors`}
      onClick={() => {
        setColorScheme(other);
      }}
    >
      {other === "dark" ? "Dark" : "Light"}
    </Button>
  );
}

function Navigation({
  application,
}: {
  readonly application: string | undefined;
}) {
  const { session } = useSigned();
  return (
    <>
      <ul>
        <li>
          <Entry to="/applications">
            {session.system ? "Applications" : "Application"}
          </Entry>
        </li>
      </ul>
      {application === undefined ? null : (
        <OfApplication application={application} />
      )}
    </>
  );
}

function OfApplication({ application }: { readonly application: string }) {
  return (
    <>
      <Chooser application={application} />
      <ul>
        {application === systemApplication ? null : (
          <>
            <li>
              <Entry to={pathOf(application, "overview")}>Overview</Entry>
            </li>
            <li>
              <Entry to={pathOf(application, "providers")}>
                OAuth Providers
              </Entry>
            </li>
            <li>
              <Entry to={pathOf(application, "connections")}>Connections</Entry>
            </li>
            <li>
              <Entry to={pathOf(application, "events")}>Events</Entry>
            </li>
          </>
        )}
        <li>
          <Entry to={pathOf(application)} exact>
            Keys and settings
          </Entry>
        </li>
      </ul>
    </>
  );
}

/** Which application is looked at; another, if there are others. */
function Chooser({ application }: { readonly application: string }) {
  const [, navigate] = useLocation();
  const { data } = useApplications();
  const names = (data?.items ?? []).map(({ name }) => name);
  if (names.length < 2) {
    return <p className={styles.navTitle}>{idOf(application)}</p>;
  }
  const shown = names.includes(application) ? names : [application, ...names];
  return (
    <NativeSelect
      aria-label="Application"
      mb="xs"
      size="sm"
      value={application}
      data={shown.map((name) => ({ value: name, label: idOf(name) }))}
      onChange={(event) => {
        const { value } = event.currentTarget;
        const below = value === systemApplication ? [] : ["overview"];
        navigate(pathOf(value, ...below));
      }}
    />
  );
}

interface EntryProps {
  readonly to: string;
  readonly exact?: boolean;
  readonly children: ReactNode;
}

function Entry({ to, exact = false, children }: EntryProps) {
  const [path] = useLocation();
  const within = !exact && to !== "/applications" && path.startsWith(`${to}/`);
  const added =
    to.endsWith("/providers") &&
    ["add-provider", "definitions"].some((below) =>
      path.startsWith(to.replace(/providers$/, below)),
    );
  const current = path === to || within || added;
  return (
    <Link
      to={to}
      className={styles.link ?? ""}
      {...(current && { "aria-current": path === to ? "page" : "true" })}
    >
      {children}
    </Link>
  );
}
