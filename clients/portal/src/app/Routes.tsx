import { lazy, Suspense } from "react";
import { Redirect, Route, Switch, useLocation } from "wouter";
import { useSigned } from "../api/context";
import { pathOf } from "../lib/names";
import { Loading } from "../ui/Loaded";
import { FeedProvider } from "./feed";
import { Shell } from "./Shell";

const AddProvider = lazy(() => import("../pages/AddProvider"));
const ApplicationPage = lazy(() => import("../pages/Application"));
const Applications = lazy(() => import("../pages/Applications"));
const ConnectionPage = lazy(() => import("../pages/Connection"));
const Connections = lazy(() => import("../pages/Connections"));
const Definition = lazy(() => import("../pages/Definition"));
const Events = lazy(() => import("../pages/Events"));
const NewProvider = lazy(() => import("../pages/NewProvider"));
const NotFound = lazy(() => import("../pages/NotFound"));
const Overview = lazy(() => import("../pages/Overview"));
const ProviderPage = lazy(() => import("../pages/Provider"));
const Providers = lazy(() => import("../pages/Providers"));

/** `applications/{a}` of an address within one. */
function applicationIn(path: string): string | undefined {
  const id = /^\/applications\/([^/]+)/.exec(path)?.[1];
  return id === undefined
    ? undefined
    : `applications/${decodeURIComponent(id)}`;
}

export function Routes() {
  const [path] = useLocation();
  const application = applicationIn(path);
  return (
    <Shell application={application}>
      <Suspense fallback={<Loading />}>
        {application === undefined ? (
          <Outside />
        ) : (
          <FeedProvider key={application} application={application}>
            <Inside application={application} />
          </FeedProvider>
        )}
      </Suspense>
    </Shell>
  );
}

function Outside() {
  const { session } = useSigned();
  const home = session.system
    ? "/applications"
    : pathOf(session.application, "overview");
  return (
    <Switch>
      <Route path="/">
        <Redirect to={home} replace />
      </Route>
      <Route path="/applications">
        <Applications />
      </Route>
      <Route>
        <NotFound />
      </Route>
    </Switch>
  );
}

function Inside({ application }: { readonly application: string }) {
  const base = "/applications/:application";
  return (
    <Switch>
      <Route path={base}>
        <ApplicationPage name={application} />
      </Route>
      <Route path={`${base}/overview`}>
        <Overview application={application} />
      </Route>
      <Route path={`${base}/providers`}>
        <Providers application={application} />
      </Route>
      <Route path={`${base}/providers/:id`}>
        {({ id }) => (
          <ProviderPage key={id} name={`${application}/providers/${id}`} />
        )}
      </Route>
      <Route path={`${base}/add-provider`}>
        <AddProvider application={application} />
      </Route>
      <Route path={`${base}/add-provider/:id`}>
        {({ id }) => (
          <NewProvider key={id} application={application} entryId={id} />
        )}
      </Route>
      <Route path={`${base}/definitions`}>
        <Definition application={application} />
      </Route>
      <Route path={`${base}/definitions/:id`}>
        {({ id }) => (
          <Definition key={id} application={application} entryId={id} />
        )}
      </Route>
      <Route path={`${base}/connections`}>
        <Connections application={application} />
      </Route>
      <Route path={`${base}/connections/:id`}>
        {({ id }) => (
          <ConnectionPage key={id} name={`${application}/connections/${id}`} />
        )}
      </Route>
      <Route path={`${base}/events`}>
        <Events application={application} />
      </Route>
      <Route>
        <NotFound />
      </Route>
    </Switch>
  );
}
