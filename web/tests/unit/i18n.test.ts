import { describe, expect, it } from "vitest";
import { forScreen, iso } from "../../src/lib/i18n/text";

describe("somebody's text in a sentence of ours", () => {
  it("stands as it is where it turns nothing", () => {
    expect(iso("Überraschung 7 ☎")).toBe("Überraschung 7 ☎");
  });

  it("is isolated where it is written from right to left or orders text", () => {
    expect(iso("שלום")).toBe("\u2068שלום\u2069");
    expect(iso("abc\u202Edef")).toBe("\u2068abc\u202Edef\u2069");
  });

  it("cannot close the isolation", () => {
    expect(iso("a\u2069\u202Eb")).toBe("\u2068a\u202Eb\u2069");
  });
});

describe("the server's texts", () => {
  it("are shown without commands that nobody types into a browser", () => {
    expect(forScreen("compare with ari.conf, then: carillon pbx set --help")).toBe("compare with ari.conf");
    expect(forScreen("correct the dial string (carillon trunk set --dial-string), or pjsip.conf")).toBe("correct the dial string, or pjsip.conf");
    expect(forScreen("lift it when its reason is gone: carillon resume-dialling")).toBe("lift it when its reason is gone");
    expect(forScreen("carillon pbx add --help")).toBe("");
    expect(forScreen("load cdr_csv, with enable = yes in cdr.conf")).toBe("load cdr_csv, with enable = yes in cdr.conf");
  });
});
