import { expect, test } from "vitest";
import { changesNothing, inverse, patchOf, rowsOf, twice } from "$pages/lists/contact";

const was = { id: 7, list: 1, number: "0669820001", as_given: "06 6982-0001", e164: "+390669820001", number_ref: 9, further_numbers: [], attributes: { NAME: "Ada", TOWN: "Rome" } };

test("only what is not as it was is sent", () => {
  expect(changesNothing(patchOf(was, " 06 6982-0001 ", rowsOf(was)))).toBe(true);
  const rows = [{ name: " NAME ", value: "Ada B." }, { name: "", value: "lost" }, { name: "ZONE", value: "Europe/Rome" }];
  const patch = patchOf(was, "100", rows);
  expect(patch).toEqual({ number: "100", attributes: { NAME: "Ada B.", ZONE: "Europe/Rome", TOWN: null } });
  expect(changesNothing(patch)).toBe(false);
  expect(patchOf(was, was.as_given, rows).number).toBeUndefined();
});

test("a change is taken back without touching the rest", () => {
  expect(inverse(was, { number: "100", attributes: { NAME: "B", ZONE: "Europe/Rome" } })).toEqual({ number: was.as_given, attributes: { NAME: "Ada", ZONE: null } });
  expect(inverse(was, { attributes: { TOWN: null } })).toEqual({ attributes: { TOWN: "Rome" } });
});

test("a name that is there twice is seen", () => {
  expect([...twice([{ name: "A", value: "" }, { name: " A", value: "" }, { name: "", value: "" }, { name: "", value: "" }])]).toEqual(["A"]);
});
