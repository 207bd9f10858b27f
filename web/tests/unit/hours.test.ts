import { describe, expect, it } from "vitest";
import { draftOf, inputOf } from "../../src/pages/hours/draft";
import { spanText, weekFrom } from "../../src/pages/hours/week";
import type { Schema } from "../../src/lib/api/client";

const set: Schema["OpeningHours"] = {
  id: 1,
  name: "shop",
  comment: "",
  default_mode: "CLOSED",
  zone: "",
  rules: [{ id: 4, mode: "OPEN", days: "23456", date_from: "", date_to: "", time_start: "220000", time_end: "055959", comment: "night" }],
  security_key: "",
  hidden: false,
  created_by: null,
};

describe("opening hours in the editor", () => {
  it("are saved as they were read when nothing was changed", () => {
    const { id: _, created_by: __, ...rest } = set;
    expect(inputOf(draftOf(set, false))).toEqual(rest);
  });

  it("that are cloned have rules of their own", () => {
    expect(inputOf(draftOf(set, true)).rules?.[0]).not.toHaveProperty("id");
  });
});

describe("the picture of a week", () => {
  it("turns over months and years", () => {
    expect(weekFrom("2026-12-28", 7)).toBe("2027-01-04");
    expect(weekFrom("2026-03-01", -7)).toBe("2026-02-22");
  });

  it("says its times without seconds that say nothing", () => {
    const span = (opens: string, closes: string) => ({ opens, closes, from: "", to: "", from_s: 0, to_s: 1 });
    const day = { date: "2026-12-21", length_s: 86400, open: [span("09:00:00", "13:00:00"), span("14:00:30", "24:00:00")] };
    expect(spanText(day)).toBe("09:00–13:00, 14:00:30–24:00");
  });
});
