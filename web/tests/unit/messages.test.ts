import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "../..");

/** The keys of every catalogue file of a language, with the file that has them. */
function catalogue(locale: string): Map<string, string> {
  const keys = new Map<string, string>();
  for (const file of readdirSync(join(root, "messages", locale))) {
    const content = JSON.parse(readFileSync(join(root, "messages", locale, file), "utf8")) as Record<string, unknown>;
    for (const key of Object.keys(content).filter((key) => key !== "$schema")) {
      if (keys.has(key)) throw new Error(`${key} stands in ${keys.get(key)} and in ${file}`);
      keys.set(key, file);
    }
  }
  return keys;
}

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === "paraglide" ? [] : sources(path);
    return /\.(svelte|ts)$/.test(entry.name) ? [path] : [];
  });
}

const used = new Map<string, string>();
for (const path of sources(join(root, "src"))) {
  for (const found of readFileSync(path, "utf8").matchAll(/\bm\.([a-z][a-z0-9_]*)/g)) used.set(found[1] ?? "", path);
}
const settings = JSON.parse(readFileSync(join(root, "project.inlang/settings.json"), "utf8")) as {
  baseLocale: string;
  locales: string[];
  "plugin.inlang.messageFormat": { pathPattern: string[] };
};

describe("the catalogue", () => {
  const base = catalogue(settings.baseLocale);

  it("has every text that the app uses", () => {
    expect([...used.keys()].filter((key) => !base.has(key))).toEqual([]);
  });

  it("has no text that the app does not use", () => {
    expect([...base.keys()].filter((key) => !used.has(key))).toEqual([]);
  });

  it("is compiled whole: the settings name every file", () => {
    const named = settings["plugin.inlang.messageFormat"].pathPattern.map((pattern) => pattern.split("/").at(-1));
    expect(readdirSync(join(root, "messages", settings.baseLocale)).sort()).toEqual(named.sort());
  });

  it.each(settings.locales)("is complete in %s", (locale) => {
    const keys = catalogue(locale);
    expect([...base.keys()].filter((key) => !keys.has(key))).toEqual([]);
    expect([...keys.keys()].filter((key) => !base.has(key))).toEqual([]);
  });
});

describe("the markup", () => {
  it("holds no text of its own", () => {
    const offenders: string[] = [];
    for (const path of sources(join(root, "src")).filter((path) => path.endsWith(".svelte"))) {
      const markup = readFileSync(path, "utf8")
        .replace(/<script[\s\S]*?<\/script>/g, "")
        .replace(/<style[\s\S]*?<\/style>/g, "")
        .replace(/<!--[\s\S]*?-->/g, "");
      // Two letters in a row between a tag and the next, outside braces.
      for (const found of strip(markup).matchAll(/>([^<>]*[A-Za-z]{2}[^<>]*)</g)) {
        const text = (found[1] ?? "").replace(/&[a-z]+;/g, "").trim();
        if (/[A-Za-z]{2}/.test(text)) offenders.push(`${path}: ${text}`);
      }
    }
    expect(offenders).toEqual([]);
  });
});

/** Without what stands in braces, however deep. */
function strip(markup: string): string {
  let depth = 0;
  let out = "";
  for (const char of markup) {
    if (char === "{") depth += 1;
    else if (char === "}") depth -= 1;
    else if (depth === 0) out += char;
  }
  return out.replace(/=>/g, "");
}
