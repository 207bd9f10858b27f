import type { Component } from "svelte";
import Ban from "@lucide/svelte/icons/ban";
import Check from "@lucide/svelte/icons/check";
import CircleCheck from "@lucide/svelte/icons/circle-check";
import CircleDashed from "@lucide/svelte/icons/circle-dashed";
import CircleHelp from "@lucide/svelte/icons/circle-question-mark";
import CircleX from "@lucide/svelte/icons/circle-x";
import Clock from "@lucide/svelte/icons/clock";
import EyeOff from "@lucide/svelte/icons/eye-off";
import Hand from "@lucide/svelte/icons/hand";
import HashIcon from "@lucide/svelte/icons/hash";
import Hourglass from "@lucide/svelte/icons/hourglass";
import ListRestart from "@lucide/svelte/icons/list-restart";
import LockIcon from "@lucide/svelte/icons/lock";
import Pause from "@lucide/svelte/icons/pause";
import PhoneCall from "@lucide/svelte/icons/phone-call";
import PhoneMissed from "@lucide/svelte/icons/phone-missed";
import PhoneOff from "@lucide/svelte/icons/phone-off";
import PhoneOutgoing from "@lucide/svelte/icons/phone-outgoing";
import Play from "@lucide/svelte/icons/play";
import RefreshCw from "@lucide/svelte/icons/refresh-cw";
import Send from "@lucide/svelte/icons/send";
import TimerOff from "@lucide/svelte/icons/timer-off";
import TriangleAlert from "@lucide/svelte/icons/triangle-alert";
import Undo from "@lucide/svelte/icons/undo-2";
import Unplug from "@lucide/svelte/icons/unplug";
import Upload from "@lucide/svelte/icons/upload";
import X from "@lucide/svelte/icons/x";
import { m } from "$lib/paraglide/messages";

/** Colour family: what a state means for the person who looks. */
export type Tone = "ok" | "info" | "warn" | "bad" | "neutral";

/** How a state is shown: never by colour alone. */
export interface Look {
  tone: Tone;
  icon: Component;
  word: () => string;
  /** One sentence for the title. */
  help?: () => string;
}

export type StateKind = "run" | "call" | "pbx" | "circuit" | "import" | "campaign" | "dialling" | "agent";

export const looks: Record<StateKind, Record<string, Look>> = {
  run: {
    RUNNABLE: { tone: "info", icon: ListRestart, word: m.run_runnable, help: m.run_runnable_help },
    RUNNING: { tone: "ok", icon: Play, word: m.run_running, help: m.run_running_help },
    WRONG_TIME: { tone: "info", icon: Clock, word: m.run_wrong_time, help: m.run_wrong_time_help },
    IDLE: { tone: "neutral", icon: Hourglass, word: m.run_idle, help: m.run_idle_help },
    PAUSED: { tone: "warn", icon: Pause, word: m.run_paused, help: m.run_paused_help },
    COMPLETED: { tone: "neutral", icon: CircleCheck, word: m.run_completed, help: m.run_completed_help },
    REMOVED: { tone: "neutral", icon: CircleX, word: m.run_removed, help: m.run_removed_help },
  },
  call: {
    RD_SCHEDULED: { tone: "neutral", icon: CircleDashed, word: m.call_rd_scheduled, help: m.call_rd_scheduled_help },
    RD_RESERVED: { tone: "info", icon: Hourglass, word: m.call_rd_reserved, help: m.call_rd_reserved_help },
    RD_REQUESTED: { tone: "info", icon: Send, word: m.call_rd_requested, help: m.call_rd_requested_help },
    RD_AGENTREQ: { tone: "info", icon: PhoneOutgoing, word: m.call_rd_agentreq, help: m.call_rd_agentreq_help },
    SCHEDULED: { tone: "neutral", icon: CircleDashed, word: m.call_scheduled, help: m.call_scheduled_help },
    REQUESTED: { tone: "info", icon: Send, word: m.call_requested, help: m.call_requested_help },
    DIALLING: { tone: "info", icon: PhoneOutgoing, word: m.call_dialling, help: m.call_dialling_help },
    CONNECTED: { tone: "ok", icon: PhoneCall, word: m.call_connected, help: m.call_connected_help },
    TERMINATED: { tone: "ok", icon: Check, word: m.call_terminated, help: m.call_terminated_help },
    RS_BUSY: { tone: "warn", icon: PhoneOff, word: m.call_busy, help: m.call_busy_help },
    RS_NOANSWER: { tone: "neutral", icon: PhoneMissed, word: m.call_noanswer, help: m.call_noanswer_help },
    RS_NOAGENT: { tone: "warn", icon: PhoneMissed, word: m.call_noagent, help: m.call_noagent_help },
    RS_AGENTSKIP: { tone: "neutral", icon: CircleX, word: m.call_agentskip, help: m.call_agentskip_help },
    RS_NUMBER: { tone: "bad", icon: HashIcon, word: m.call_number, help: m.call_number_help },
    RS_REJECTED: { tone: "bad", icon: X, word: m.call_rejected, help: m.call_rejected_help },
    RS_TIMEOUT: { tone: "warn", icon: TimerOff, word: m.call_timeout, help: m.call_timeout_help },
    RS_ERROR: { tone: "bad", icon: TriangleAlert, word: m.call_error, help: m.call_error_help },
    RS_LOST: { tone: "bad", icon: CircleHelp, word: m.call_lost, help: m.call_lost_help },
    RS_BLACKLIST: { tone: "neutral", icon: Ban, word: m.call_blacklist, help: m.call_blacklist_help },
    WITHDRAWN: { tone: "neutral", icon: Undo, word: m.call_withdrawn, help: m.call_withdrawn_help },
  },
  pbx: {
    up: { tone: "ok", icon: Check, word: m.pbx_up, help: m.pbx_up_help },
    reconciling: { tone: "info", icon: RefreshCw, word: m.pbx_reconciling, help: m.pbx_reconciling_help },
    stale: { tone: "warn", icon: Hourglass, word: m.pbx_stale, help: m.pbx_stale_help },
    down: { tone: "bad", icon: Unplug, word: m.pbx_down, help: m.pbx_down_help },
  },
  circuit: {
    closed: { tone: "ok", icon: Check, word: m.circuit_closed, help: m.circuit_closed_help },
    open: { tone: "bad", icon: Unplug, word: m.circuit_open, help: m.circuit_open_help },
    probing: { tone: "warn", icon: RefreshCw, word: m.circuit_probing, help: m.circuit_probing_help },
  },
  import: {
    uploaded: { tone: "neutral", icon: Upload, word: m.import_uploaded },
    running: { tone: "info", icon: RefreshCw, word: m.import_running },
    done: { tone: "ok", icon: Check, word: m.import_done },
    cancelled: { tone: "neutral", icon: CircleX, word: m.import_cancelled },
    failed: { tone: "bad", icon: TriangleAlert, word: m.import_failed },
  },
  campaign: {
    RUNNABLE: { tone: "neutral", icon: CircleDashed, word: m.campaign_runnable },
    CLOSED: { tone: "neutral", icon: LockIcon, word: m.campaign_closed },
    HIDDEN: { tone: "neutral", icon: EyeOff, word: m.campaign_hidden },
  },
  dialling: {
    dialling: { tone: "ok", icon: PhoneOutgoing, word: m.dialling_on },
    held: { tone: "bad", icon: Hand, word: m.dialling_held },
  },
  agent: {
    idle: { tone: "ok", icon: Check, word: m.agent_idle, help: m.agent_idle_help },
    ringing: { tone: "info", icon: PhoneOutgoing, word: m.agent_ringing, help: m.agent_ringing_help },
    talking: { tone: "info", icon: PhoneCall, word: m.agent_talking, help: m.agent_talking_help },
    taken: { tone: "info", icon: PhoneOutgoing, word: m.agent_taken, help: m.agent_taken_help },
    wrap_up: { tone: "neutral", icon: Hourglass, word: m.agent_wrap_up, help: m.agent_wrap_up_help },
    paused: { tone: "warn", icon: Pause, word: m.agent_paused, help: m.agent_paused_help },
    unavailable: { tone: "neutral", icon: Unplug, word: m.agent_unavailable, help: m.agent_unavailable_help },
  },
};

/** How a state is shown; one that this version does not know is shown as the server writes it. */
export function lookOf(kind: StateKind, state: string): Look {
  return looks[kind][state] ?? { tone: "neutral", icon: CircleHelp, word: () => state };
}
