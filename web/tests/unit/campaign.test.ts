import { describe, expect, it } from "vitest";
import { draftOf, inputOf, newDraft } from "../../src/pages/campaigns/draft";
import { daysText } from "../../src/pages/campaigns/words";
import { normalTime } from "../../src/lib/ui/TimeField.svelte";
import type { Schema } from "../../src/lib/api/client";

const campaign: Schema["Campaign"] = {
  id: 3,
  created_by: null,
  security_key: "north",
  name: "spring",
  direction: "outbound",
  work: "list",
  priority: 7,
  status: "CLOSED",
  idle_on_termination: true,
  batch_size: 50,
  time_start: "090000",
  time_end: "175959",
  time_days: "23456",
  zone: "Europe/Madrid",
  opening_hours: [2],
  answer_timeout_ms: 22500,
  forced_closure_s: 600,
  initial_boost: 1.5,
  pacing: {
    mode: "ratio",
    ratio: 1.25,
    policy: "guaranteed",
    cap: 0.029,
    period_days: 1,
    deadline_ms: 1500,
    safe_harbour: false,
    min_ring_s: 20,
    false_positives_count: true,
    false_positives_estimate: 0.011,
  },
  autopause: true,
  dial_clid: "${NAME} <066>",
  agent_clid: "C1 ${NAME}",
  dial_presentation: "0800",
  dial_account: "a",
  queue_log: true,
  queue_log_alias: "friends",
  queue_log_attributes: ["NAME"],
  email_events: "ALL",
  email_addresses: ["ana@example.com"],
  variables: { GREETING: "morning" },
  trunks: [2, 1],
  end_points: [1],
  lists: [4, 3],
  black_lists: [5],
  rules: [{ id: 9, status: "RS_BUSY", status_ext: "", max_attempts: 2, retry_after_s: 300, mode: "MULT" }],
  outcome_rules: [
    {
      id: 4,
      status: "RS_BUSY",
      status_ext: "*",
      with_retries_pending: true,
      verb: "HTTP_POST",
      list: null,
      campaign: null,
      destination: "https://crm.example/${num}",
      text: "{}",
      defer_s: 30,
      var_mode: "OUTPUT",
      attributes: { WHY: "${state}", TO: "crm" },
    },
  ],
  packs: ["default"],
  limits: {
    hours: [{ days: "23456", from: "09:00", to: "24:00" }],
    holidays: ["12-25"],
    caps: [{ attempts: 3, hours: 24, by: "number" }],
    cooldown_hours: 168,
    gap_minutes: 120,
    consent: { max_age_days: 730 },
    deny: ["+1900"],
    allow: [],
    hourly: [{ prefix: "+44", calls: 100 }],
    min_ring_s: 15,
  },
};

describe("a campaign in the editor", () => {
  it("is saved as it was read when nothing was changed", () => {
    // What is not sent is kept: who made it.
    const { id: _, direction: __, work: ___, created_by: ____, ...rest } = campaign;
    expect(inputOf(draftOf(campaign, null))).toEqual(rest);
  });

  it("that is cloned is a new one: its rules too, and it may be started", () => {
    const input = inputOf(draftOf(campaign, "Copy of spring"));
    expect(input.name).toBe("Copy of spring");
    expect(input.status).toBe("RUNNABLE");
    expect(input.rules).toEqual([{ status: "RS_BUSY", status_ext: "", max_attempts: 2, retry_after_s: 300, mode: "MULT" }]);
  });

  it("that is new keeps the strict rules", () => {
    expect(inputOf(newDraft("Europe/Rome"))).toMatchObject({ packs: ["default"], zone: "Europe/Rome", time_end: "235959", limits: { consent: null } });
  });
});

describe("a time of day", () => {
  it("is understood as people type it", () => {
    expect(normalTime("9", false)).toBe("09:00");
    expect(normalTime("930", false)).toBe("09:30");
    expect(normalTime("9:30", true)).toBe("09:30:00");
    expect(normalTime("175959", true)).toBe("17:59:59");
    expect(normalTime("24:00", false)).toBe("24:00");
  });

  it("that is none stays as it was typed, for the server to name", () => {
    expect(normalTime("25:00", false)).toBe("25:00");
    expect(normalTime("noon", false)).toBe("noon");
    expect(normalTime("", false)).toBe("");
  });
});

describe("days", () => {
  it("are told as ranges, Monday first", () => {
    expect(daysText("1234567")).toBe("every day");
    expect(daysText("23456")).toBe("Mon–Fri");
    expect(daysText("17")).toBe("Sat, Sun");
    expect(daysText("246")).toBe("Mon, Wed, Fri");
    expect(daysText("")).toBe("no day");
  });
});
