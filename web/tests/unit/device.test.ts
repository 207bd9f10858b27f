import { expect, test } from "vitest";
import { deviceOf } from "../../src/pages/lines/device";

test.each([
  ["", "", "PJSIP/1001", "PJSIP/1001"],
  ["^Agent/(.*)", "SIP/$1", "Agent/101", "SIP/101"],
  ["^Local/([0-9]+)@.*", "PJSIP/$1x", "Local/302@from-queue/n", "PJSIP/302x"],
  ["(1)(2)?", "$2$1\\$0", "SIP/1", "SIP/1$0"],
  ["SIP", "$&", "SIP/1", "$&/1"],
  ["(", "", "SIP/1", null],
  ["", "", "1001", null],
  ["SIP/.*", "", "SIP/1", null],
])("%s and %s make of %s %s", (find, replace, member, device) => {
  expect(deviceOf(find, replace, member)).toBe(device);
});
