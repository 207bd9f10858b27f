import type { Schema } from "$lib/api/client";

type Guess = Schema["ImportGuess"];

/** What the columns of a table are to become. */
export interface Mapping {
  /** An attribute name per column; the number's is not used. */
  names: string[];
  /** Which columns are not taken over; the number's is. */
  leftOut: boolean[];
  /** 0-based. */
  numberColumn: number;
}

/** Bytes in which the label row has to end. */
const HEAD_BYTES = 64 * 1024;
const NAME = /^[A-Za-z][A-Za-z0-9_]{0,63}$/;
/** A label that the server takes for the number's before any other. */
const NUMBER_LABEL = "NUM";
const QUOTE = 0x22;
const CR = 0x0d;
const LF = 0x0a;

export function mappingOf(guess: Guess): Mapping {
  return { names: [...guess.labels], leftOut: guess.labels.map(() => false), numberColumn: guess.number_column ?? 0 };
}

export function isLeftOut(mapping: Mapping, index: number): boolean {
  return index !== mapping.numberColumn && (mapping.leftOut[index] ?? false);
}

export function isAsGuessed(guess: Guess, mapping: Mapping): boolean {
  return mapping.numberColumn === guess.number_column && mapping.names.every((name, index) => index === mapping.numberColumn || isLeftOut(mapping, index) || name === guess.labels[index]);
}

/** The columns as the file that is sent names them. What is left out makes way for another column of its name. */
export function namesOut(guess: Guess, mapping: Mapping): string[] {
  const kept = new Set(mapping.names.filter((_, index) => index !== mapping.numberColumn && !isLeftOut(mapping, index)));
  return mapping.names.map((name, index) => {
    if (index === mapping.numberColumn) return NUMBER_LABEL;
    if (!isLeftOut(mapping, index)) return name;
    let free = guess.labels[index] ?? name;
    while (kept.has(free)) free = `${free.slice(0, 60)}_x`;
    kept.add(free);
    return free;
  });
}

/** What is left out, as the server takes it. */
export function skipped(guess: Guess, mapping: Mapping): string {
  const names = isAsGuessed(guess, mapping) ? guess.labels : namesOut(guess, mapping);
  return names.filter((_, index) => isLeftOut(mapping, index)).join(",");
}

/** What is wrong with the name of a column; null: nothing. */
export function nameTrouble(mapping: Mapping, index: number): "form" | "twice" | null {
  if (index === mapping.numberColumn || isLeftOut(mapping, index)) return null;
  const name = mapping.names[index] ?? "";
  if (!NAME.test(name) || name.toUpperCase() === NUMBER_LABEL) return "form";
  const same = mapping.names.some((other, at) => at !== index && at !== mapping.numberColumn && !isLeftOut(mapping, at) && other === name);
  return same ? "twice" : null;
}

/** Whether columns of a file can be given other meanings: its bytes have to be readable here. */
export function canMap(guess: Guess): boolean {
  return guess.format === "csv" && guess.delimiter !== null && guess.labels.length > 0 && unitOf(guess.encoding) !== null;
}

/** Whether the file has a row of labels; without one, a row is put on top and lines count one more. */
export function hasLabels(guess: Guess): boolean {
  return guess.given_labels.some((label) => label !== "");
}

/** The file with a label row that says what the mapping says. The rows are not touched. */
export async function remapped(file: Blob, guess: Guess, mapping: Mapping): Promise<Blob> {
  const unit = unitOf(guess.encoding);
  if (!unit) return file;
  const delimiter = guess.delimiter === "tab" ? "\t" : (guess.delimiter ?? ",");
  const header = namesOut(guess, mapping).join(delimiter);
  const head = new Uint8Array(await file.slice(0, HEAD_BYTES).arrayBuffer());
  const start = markBytes(head, guess.encoding);
  if (!hasLabels(guess)) return new Blob([file.slice(0, start), encoded(`${header}\n`, unit), file.slice(start)]);
  const row = labelRow(head, start, unit, delimiter.charCodeAt(0));
  // Labels over several lines: as many empty ones keep the numbers of the lines.
  const lines = "\n".repeat(row.breaks);
  return new Blob([file.slice(0, row.from), encoded(header + lines, unit), file.slice(row.to)]);
}

interface Unit {
  bytes: 1 | 2;
  little: boolean;
}

/** How characters that labels are made of are written; null: an encoding in which they are not one unit each. */
function unitOf(encoding: string): Unit | null {
  const name = encoding.toLowerCase();
  if (name === "utf-16le") return { bytes: 2, little: true };
  if (name === "utf-16be") return { bytes: 2, little: false };
  return /^(utf-8|us-ascii|windows-125\d|windows-874|iso-8859-\d+|koi8-[ru]|macintosh)$/.test(name) ? { bytes: 1, little: true } : null;
}

function markBytes(head: Uint8Array, encoding: string): number {
  const begins = (...bytes: number[]) => bytes.every((byte, index) => head[index] === byte);
  const name = encoding.toLowerCase();
  if (name === "utf-8") return begins(0xef, 0xbb, 0xbf) ? 3 : 0;
  if (name.startsWith("utf-16")) return begins(0xff, 0xfe) || begins(0xfe, 0xff) ? 2 : 0;
  return 0;
}

function encoded(text: string, unit: Unit): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length * unit.bytes);
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    bytes[index * unit.bytes + (unit.bytes === 2 && !unit.little ? 1 : 0)] = code;
  }
  return bytes;
}

/** The bytes of the first row that is not blank, without its line end, and how many line ends are in it. */
function labelRow(head: Uint8Array, start: number, unit: Unit, delimiter: number): { from: number; to: number; breaks: number } {
  const at = (place: number): number => {
    if (unit.bytes === 1) return head[place] ?? LF;
    const [first, second] = [head[place] ?? 0, head[place + 1] ?? 0];
    return unit.little ? first | (second << 8) : second | (first << 8);
  };
  let from = start;
  while (from < head.length && [CR, LF, 0x20, 0x09].includes(at(from))) from += unit.bytes;
  let [to, breaks] = [from, 0];
  let quoted = false;
  let begins = true;
  for (; to < head.length; to += unit.bytes) {
    const code = at(to);
    if (quoted) {
      if (code === QUOTE && at(to + unit.bytes) === QUOTE) to += unit.bytes;
      else if (code === QUOTE) quoted = false;
      else if (code === LF) breaks += 1;
    } else if (code === LF || code === CR) break;
    else if (code === QUOTE && begins) quoted = true;
    begins = !quoted && code === delimiter;
  }
  return { from, to, breaks };
}
