import { expect, test } from "vitest";
import { changesNothing, furtherOf, furtherRows, inverse, nextPlace, patchOf, placeOf, rowsOf, stateOf, twice } from "$pages/lists/contact";

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

test("further numbers are edited by place and keep the places that they have", () => {
  const family = {
    ...was,
    attributes: { NAME: "Ada", MULTINUM7: "at home", MULTINUM2: "0669820002", MULTINUM0: "x", MULTINUM21: "y" },
    further_numbers: [{ no: 2, number: "0669820002", e164: "+390669820002", left_out: null }, { no: 7, number: null, e164: null, left_out: "cannot be dialled" }],
  };
  expect(["MULTINUM1", "MULTINUM20", "MULTINUM21", "MULTINUM0", "MULTINUM01", "NAME"].map(placeOf)).toEqual([1, 20, null, null, null, null]);
  expect(furtherOf(family)).toEqual([{ place: 2, value: "0669820002" }, { place: 7, value: "at home" }]);
  expect(rowsOf(family).map((row) => row.name)).toEqual(["NAME", "MULTINUM0", "MULTINUM21"]);
  expect(changesNothing(patchOf(family, family.as_given, [...rowsOf(family), ...furtherRows(furtherOf(family))]))).toBe(true);
  // The other way round they are called in the other order.
  expect(furtherRows(furtherOf(family).reverse())).toEqual([{ name: "MULTINUM2", value: "at home" }, { name: "MULTINUM7", value: "0669820002" }]);
  expect(furtherRows([{ place: 2, value: " " }, { place: 7, value: "5" }])).toEqual([{ name: "MULTINUM7", value: "5" }]);
  expect(nextPlace(furtherOf(family))).toBe(8);
  expect(nextPlace([{ place: 20, value: "1" }, { place: 1, value: "2" }])).toBe(2);
  expect(stateOf(family, "at home")?.left_out).toBe("cannot be dialled");
  expect(stateOf(family, "0669820003")).toBeNull();
});
