import { describe, expect, it } from "vitest";
import { bytes, count, share } from "../../src/lib/format/number";
import { fromLocalInput, relative, span, spanLong, spanMs, toLocalInput } from "../../src/lib/format/time";
import { matches } from "../../src/lib/ui/filter";
import { forScreen, sentence } from "../../src/lib/i18n/text";

describe("numbers", () => {
  it("are grouped, and unknown is a dash", () => {
    expect(count(1234567)).toBe("1,234,567");
    expect(share(0.1234)).toBe("12.3%");
    expect(share(null)).toBe("–");
    expect(share(Number.NaN)).toBe("–");
    expect(bytes(1_536_000)).toBe("1.5 MB");
    expect(bytes(32)).toBe("32 bytes");
  });
});

describe("lengths of time", () => {
  it("are as short as a table wants them", () => {
    expect(span(0)).toBe("0 s");
    expect(span(59.9)).toBe("59 s");
    expect(span(187)).toBe("3:07");
    expect(span(3729)).toBe("1:02:09");
    expect(span(277_200)).toBe("3 d 5 h");
    expect(span(-4)).toBe("0 s");
    expect(spanMs(340)).toBe("340 ms");
    expect(spanMs(2_449)).toBe("2.4 s");
  });

  it("from now are told in one unit", () => {
    expect(relative(new Date(1_000_000), 1_000_000 + 5 * 60_000)).toBe("5 min. ago");
  });
});

describe("a date field", () => {
  it("gives back what it was given", () => {
    const at = new Date("2026-03-29T01:30:05Z");
    expect(fromLocalInput(toLocalInput(at))).toBe("2026-03-29T01:30:05.000Z");
    expect(fromLocalInput("")).toBeNull();
    expect(fromLocalInput("nonsense")).toBeNull();
  });
});

describe("a search", () => {
  it("finds words in any order, whatever their case and accents", () => {
    expect(matches("SPRING mad", "Madrid", "Campaña spring")).toBe(true);
    expect(matches("campana", "Campaña")).toBe(true);
    expect(matches("autumn", "spring")).toBe(false);
    expect(matches("  ", null)).toBe(true);
  });
});

describe("a message of the server", () => {
  it("becomes a sentence", () => {
    expect(sentence("campaign 3 is running")).toBe("Campaign 3 is running.");
    expect(sentence("done!")).toBe("Done!");
  });
});

describe("a length of time in words", () => {
  it("is at most two units", () => {
    expect(spanLong(7200)).toBe("2 hours");
    expect(spanLong(604_800)).toBe("7 days");
    expect(spanLong(5400)).toBe("1 hour 30 minutes");
    expect(spanLong(0)).toBe("0 seconds");
  });
});

describe("a text of the server", () => {
  it("comes without commands of the command line", () => {
    expect(forScreen("no run is open: `carillon campaign start` begins one")).toBe("no run is open");
    expect(forScreen("every trunk is full")).toBe("every trunk is full");
  });
});
