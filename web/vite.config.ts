import { fileURLToPath } from "node:url";
import { paraglideVitePlugin } from "@inlang/paraglide-js";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";
import { compressAssets } from "./build/compress.ts";
import { paraglideOptions } from "./build/paraglide.ts";

// The development server stands before a real Carillon: every answer is the server's own.
const server = process.env.CARILLON_SERVER ?? "http://127.0.0.1:8080";
const proxy = { target: server, ws: true };

const proxied = { "/api": proxy, "/healthz": proxy, "/readyz": proxy };

/** As the server sends it: `vite preview` shows the built app under the same rules. */
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; " +
  "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

export default defineConfig({
  plugins: [svelte(), paraglideVitePlugin(paraglideOptions), compressAssets()],
  resolve: {
    alias: {
      $lib: fileURLToPath(new URL("./src/lib", import.meta.url)),
      $pages: fileURLToPath(new URL("./src/pages", import.meta.url)),
    },
  },
  build: {
    target: ["chrome123", "firefox125", "safari17.5"],
    // No data: URLs for fonts and no inline code: the content security policy forbids both.
    assetsInlineLimit: 0,
    sourcemap: false,
    // What is bundled of others, with its licence, is part of what is served.
    license: { fileName: "licences.txt" },
  },
  server: { host: "127.0.0.1", port: 5173, proxy: proxied },
  preview: { host: "127.0.0.1", port: 4173, proxy: proxied, headers: { "content-security-policy": policy } },
  test: { include: ["src/**/*.test.ts", "tests/unit/**/*.test.ts"], environment: "node" },
});
