import { describe, expect, it } from "vitest";
import { canMap, isAsGuessed, mappingOf, nameTrouble, namesOut, remapped, skipped } from "../../src/pages/lists/mapping";
import { parseContacts } from "../../src/pages/lists/parse";
import { CsvRows, readReasons } from "../../src/pages/lists/verdicts";
import { troubleOf, withN } from "../../src/pages/lines/dial-string";

const guess = { encoding: "utf-8", format: "csv", delimiter: ";", given_labels: ["Tel", "Móvil"], labels: ["Tel", "Movil"], left_out: [false, false], number_column: 0 };

async function mapped(text: BlobPart, change: Partial<typeof guess>, numberColumn: number, names: string[]): Promise<Uint8Array> {
  const blob = await remapped(new Blob([text]), { ...guess, ...change }, { names, leftOut: [], numberColumn });
  return new Uint8Array(await blob.arrayBuffer());
}

const text = (bytes: Uint8Array) => new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);

describe("columns that are left out", () => {
  const three = { ...guess, given_labels: ["Tel", "Name", "Full name"], labels: ["Tel", "Name", "Full_name"], left_out: [false, false, false] };

  it("are named as the file names them, and nothing of it is rewritten", () => {
    const mapping = { ...mappingOf(three), leftOut: [false, false, true] };
    expect(isAsGuessed(three, mapping)).toBe(true);
    expect(skipped(three, mapping)).toBe("Full_name");
  });

  it("make way for a column that takes their name", async () => {
    const mapping = { names: ["Tel", "Name", "Name"], leftOut: [false, true, false], numberColumn: 0 };
    expect([nameTrouble(mapping, 1), nameTrouble(mapping, 2)]).toEqual([null, null]);
    expect(namesOut(three, mapping)).toEqual(["NUM", "Name_x", "Name"]);
    expect(skipped(three, mapping)).toBe("Name_x");
    expect(await (await remapped(new Blob(["Tel;Name;Full name\n100;A;Ada"]), three, mapping)).text()).toBe("NUM;Name_x;Name\n100;A;Ada");
  });

  it("are never the number's", () => {
    const mapping = { ...mappingOf(three), leftOut: [true, false, false] };
    expect(skipped(three, mapping)).toBe("");
  });
});

describe("columns with other meanings", () => {
  it("changes the label row and nothing else", async () => {
    expect(text(await mapped("Tel;Móvil\r\n1;2\r\n", {}, 1, ["LAND", "x"]))).toBe("LAND;NUM\r\n1;2\r\n");
    expect(text(await mapped("\ufeff\nTel;Móvil\n1;2", {}, 1, ["LAND", "x"]))).toBe("\ufeff\nLAND;NUM\n1;2");
  });

  it("keeps the number of every line when labels are broken over lines", async () => {
    expect(text(await mapped('Tel;"Mó\nvil ""x"";"\n1;2\n', {}, 0, ["x", "B"]))).toBe("NUM;B\n\n1;2\n");
  });

  it("puts labels on top of a file without", async () => {
    expect(text(await mapped("1;2\n", { given_labels: ["", ""] }, 1, ["A", "x"]))).toBe("A;NUM\n1;2\n");
  });

  it("writes UTF-16 as it is", async () => {
    const wide = (text: string) => new Uint8Array(new Uint16Array([...text].map((char) => char.charCodeAt(0))).buffer);
    expect(await mapped(wide("\ufeffTel;é\n1;2\n"), { encoding: "utf-16le" }, 1, ["A", "x"])).toEqual(wide("\ufeffA;NUM\n1;2\n"));
  });

  it("knows names that cannot be", () => {
    const mapping = { ...mappingOf({ ...guess, labels: ["a", "b", "b", "1x", "num"] }) };
    expect([0, 1, 2, 3, 4].map((index) => nameTrouble(mapping, index))).toEqual([null, "twice", "twice", "form", "form"]);
    expect(canMap({ ...guess, encoding: "shift_jis" })).toBe(false);
  });
});

describe("contacts that are typed", () => {
  it("are a number and attributes a line", () => {
    expect(parseContacts("+34 600, NAME=Ana; CITY: Madrid\n\n555,odd")).toEqual({
      contacts: [
        { number: "+34 600", attributes: { NAME: "Ana", CITY: "Madrid" } },
        { number: "555", attributes: { odd: "" } },
      ],
      lines: [1, 3],
    });
  });
});

describe("verdicts", () => {
  it("are read across pieces", () => {
    const rows = new CsvRows();
    const found = [...rows.push('a,"b ""q'), ...rows.push('"", c"\r\nd,'), ...rows.push("\n")];
    expect(found).toEqual([["a", 'b "q", c'], ["d", ""]]);
  });

  it("are counted by reason, refusals first", async () => {
    const csv = "line,verdict,number,field,problem\n2,accepted,1,,\n3,accepted,2,Note,line breaks\n5,refused,12a4,number,holds 'a'\n6,refused,1b,number,holds 'b'\n";
    const { reasons, cut } = await readReasons(new Blob([csv]).stream());
    expect(cut).toBe(false);
    expect(reasons.map(({ verdict, count, problem }) => [verdict, count, problem])).toEqual([
      ["refused", 2, "holds '…'"],
      ["accepted", 1, "line breaks"],
    ]);
  });
});

describe("a dial string", () => {
  it("of a Local channel needs n", () => {
    expect(["Local/${num}@x", "Local/${num}@x/n", "local/9${num}@a-b/j", "PJSIP/${num}@c", "PJSIP/c", ""].map(troubleOf)).toEqual(["local", null, "local", null, "no_num", null]);
    expect([withN("Local/${num}@x"), withN("Local/${num}@x/j")]).toEqual(["Local/${num}@x/n", "Local/${num}@x/jn"]);
  });
});
