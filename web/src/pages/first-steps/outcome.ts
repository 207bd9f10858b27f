import type { Schema } from "$lib/api/client";
import { spanMs } from "$lib/format/time";
import type { Tone } from "$lib/ui/states";
import { m } from "$lib/paraglide/messages";

/** What a test call proved, and what to do when it proved too little. */
export interface Answer {
  tone: Tone;
  title: string;
  text: string;
}

/** Rules that hold for the sake of whom is called, as the server waives them for a telephone of one's own. */
const FOR_THE_CALLEE = ["inside_callee_window", "attempts_below_cap", "cooled_down", "gap_kept", "retry_due"];

/** Whether nothing else keeps a test call back than what one's own telephone can do without. */
export function mayWaive(stops: readonly string[]): boolean {
  return stops.length > 0 && stops.every((rule) => FOR_THE_CALLEE.includes(rule));
}

/** Of a call that is over. */
export function answerTo(attempt: Schema["Attempt"]): Answer {
  const sip = attempt.tech_cause ? m.testcall_sip({ code: String(attempt.tech_cause) }) : "";
  const say = (tone: Tone, title: string, text: string): Answer => ({ tone, title, text: `${text} ${sip}`.trim() });
  if (attempt.connected_at) {
    const talk = spanMs(attempt.talk_ms ?? 0);
    // The dialplan had nothing to say: it hung up in the moment of the answer.
    if (attempt.ended_by === "pbx" && (attempt.talk_ms ?? 0) < 1_000) {
      return { tone: "warn", title: m.testcall_short({ talk }), text: m.testcall_short_text() };
    }
    return { tone: "ok", title: m.testcall_proved({ wait: spanMs(attempt.wait_after_ms ?? 0), talk }), text: m.testcall_proved_text() };
  }
  switch (attempt.state) {
    case "RS_BUSY":
      return say("warn", m.testcall_busy(), m.testcall_busy_text());
    case "RS_NOANSWER":
      return say("warn", m.testcall_noanswer(), m.testcall_noanswer_text());
    case "RS_NUMBER":
      return say("bad", m.testcall_wrong(), m.testcall_wrong_text());
    case "RS_REJECTED":
      return say("bad", m.testcall_rejected(), m.testcall_rejected_text());
    case "RS_ERROR":
      return say("bad", m.testcall_error(), m.testcall_error_text());
    case "RS_BLACKLIST":
      return say("bad", m.testcall_suppressed(), m.testcall_suppressed_text());
    default:
      return say("bad", m.testcall_lost(), m.testcall_lost_text());
  }
}
