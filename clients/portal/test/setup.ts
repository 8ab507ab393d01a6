// What jsdom lacks and the component library asks for.
import { cleanup, configure } from "@testing-library/react";
import { afterEach } from "vitest";

// Pages are compiled when a test first opens them.
configure({ asyncUtilTimeout: 10_000 });

window.matchMedia = (query: string) =>
  ({
    matches: false,
    media: query,
    addEventListener: () => undefined,
    removeEventListener: () => undefined,
  }) as unknown as MediaQueryList;
window.ResizeObserver = class {
  observe() {
    return undefined;
  }
  unobserve() {
    return undefined;
  }
  disconnect() {
    return undefined;
  }
};
File.prototype.text = function () {
  return new Promise((resolve) => {
    const reader = new FileReader();
    reader.onload = () => {
      resolve(reader.result as string);
    };
    reader.readAsText(this);
  });
};
window.scrollTo = () => undefined;

afterEach(cleanup);
