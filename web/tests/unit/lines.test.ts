import { describe, expect, it } from "vitest";
import { eachLine } from "../../src/lib/api/lines";

function body(parts: Uint8Array[], cancelled = () => {}): ReadableStream<Uint8Array> {
  return new ReadableStream({
    pull(controller) {
      const part = parts.shift();
      if (part) controller.enqueue(part);
      else controller.close();
    },
    cancel: cancelled,
  });
}

describe("an answer line by line", () => {
  it("is the same however it is cut into parts", async () => {
    const whole = new TextEncoder().encode('{"a":"Zoë"}\n\n{"b":2}\n{"c":');
    for (let size = 1; size <= whole.length; size += 1) {
      const parts: Uint8Array[] = [];
      for (let at = 0; at < whole.length; at += size) parts.push(whole.slice(at, at + size));
      const [lines, told]: [string[], number[]] = [[], []];
      await eachLine(body(parts), (line) => lines.push(line), () => told.push(1));
      expect(lines).toEqual(['{"a":"Zoë"}', '{"b":2}']);
      expect(told.length).toBe(Math.ceil(whole.length / size));
    }
  });

  it("is given up when a line is refused", async () => {
    let cancelled = false;
    const endless = [new TextEncoder().encode("bad\n"), new TextEncoder().encode("more\n"), new TextEncoder().encode("more\n")];
    const reads = eachLine(body(endless, () => (cancelled = true)), () => { throw new Error("no"); }, () => {});
    await expect(reads).rejects.toThrow("no");
    expect(cancelled).toBe(true);
  });
});
