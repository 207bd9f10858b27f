/** What rows of an import have in common. */
export interface Reason {
  /** `refused`, `accepted` with a warning, or `duplicate`. */
  verdict: string;
  field: string;
  problem: string;
  count: number;
  /** The first few: line and number, without the mark that keeps a spreadsheet from reading a formula. */
  examples: { line: string; number: string }[];
}

/** Bytes of a verdict file that are read to count reasons: about a million rows. */
export const READ_MAX = 48 * 1024 * 1024;
const EXAMPLES = 3;
const REASONS_MAX = 200;

/** Rows of a CSV that comes in pieces. */
export class CsvRows {
  #cells: string[] = [];
  #cell = "";
  #quoted = false;
  #mayEnd = false;

  *push(text: string): Generator<string[]> {
    for (const char of text) {
      if (this.#quoted) {
        if (this.#mayEnd) {
          this.#mayEnd = false;
          if (char === '"') {
            this.#cell += '"';
            continue;
          }
          this.#quoted = false;
        } else if (char === '"') {
          this.#mayEnd = true;
          continue;
        } else {
          this.#cell += char;
          continue;
        }
      }
      if (char === '"' && this.#cell === "") this.#quoted = true;
      else if (char === ",") {
        this.#cells.push(this.#cell);
        this.#cell = "";
      } else if (char === "\n") {
        const row = [...this.#cells, this.#cell];
        this.#cells = [];
        this.#cell = "";
        yield row;
      } else if (char !== "\r") this.#cell += char;
    }
  }
}

/** Counts refusals and warnings by what they say. */
export class Reasons {
  #all = new Map<string, Reason>();
  /** There were more different ones than are counted apart. */
  more = false;

  add([line = "", verdict = "", number = "", field = "", problem = ""]: string[]): void {
    if (verdict === "verdict" || problem === "") return;
    // What stands in quotes differs from row to row: 'a', 'b' are one reason.
    const alike = problem.replace(/'[^']*'/g, "'…'");
    const key = `${verdict}\u0000${field}\u0000${alike}`;
    let reason = this.#all.get(key);
    if (!reason) {
      if (this.#all.size >= REASONS_MAX) {
        this.more = true;
        return;
      }
      reason = { verdict, field, problem: alike, count: 0, examples: [] };
      this.#all.set(key, reason);
    }
    reason.count += 1;
    if (reason.examples.length < EXAMPLES) reason.examples.push({ line, number: number.replace(/^'(?=[=+\-@])/, "") });
  }

  /** Refusals first, then most frequent first. */
  sorted(): Reason[] {
    return [...this.#all.values()].sort((a, b) => Number(b.verdict === "refused") - Number(a.verdict === "refused") || b.count - a.count);
  }
}

export interface ReadVerdicts {
  reasons: Reason[];
  /** The file goes on behind what was read. */
  cut: boolean;
}

/** Reads the verdict file of an import. */
export async function readReasons(body: ReadableStream<Uint8Array>): Promise<ReadVerdicts> {
  const reasons = new Reasons();
  const rows = new CsvRows();
  const decoder = new TextDecoder();
  const reader = body.getReader();
  let read = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return { reasons: reasons.sorted(), cut: reasons.more };
    for (const row of rows.push(decoder.decode(value, { stream: true }))) reasons.add(row);
    read += value.length;
    if (read > READ_MAX) {
      await reader.cancel();
      return { reasons: reasons.sorted(), cut: true };
    }
  }
}
