import { defineConfig } from "vitest/config";

const server = "http://127.0.0.1:8321";

export default defineConfig({
  build: {
    target: "es2022",
    // Everything is a file of its own: the page's content security policy has no need of data: URLs for code or styles.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: {
    // `npm run dev` beside a running `mintaka serve`.
    proxy: {
      "/rpc": { target: server, ws: true, changeOrigin: true, rewriteWsOrigin: true },
      "/assets": { target: server, changeOrigin: true },
    },
  },
  test: { include: ["src/**/*.test.ts"], environment: "node" },
});
