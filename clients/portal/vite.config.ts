import { defineConfig } from "vitest/config";

// The server that `./run serve` passes calls on to.
const server = process.env.VALETKEY_HTTP ?? "http://127.0.0.1:8801";

export default defineConfig({
  build: {
    // React, the components and the contract: 160 KB as it is sent.
    chunkSizeWarningLimit: 700,
    // Nothing inline: the page's policy allows what this origin serves alone.
    assetsInlineLimit: 0,
    emptyOutDir: true,
    modulePreload: { polyfill: false },
    rollupOptions: {
      onwarn(warning, warn) {
        // "use client" is for servers that render; there is none.
        if (warning.code !== "MODULE_LEVEL_DIRECTIVE") warn(warning);
      },
    },
    target: "es2022",
  },
  esbuild: { jsx: "automatic" },
  server: {
    proxy: {
      "/portal/": server,
      "/valetkey.": server,
      "/metrics": server,
    },
  },
  test: {
    environment: "jsdom",
    // What a page looks like is seen in the browser's tests.
    env: { DEBUG_PRINT_LIMIT: "0" },
    testTimeout: 30_000,
    include: ["test/**/*.test.{ts,tsx}"],
    reporters: ["./scripts/reporter.js"],
    setupFiles: ["test/setup.ts"],
  },
});
