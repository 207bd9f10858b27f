//! What the gate's receipt of an attempt holds.

use super::{Field, Type, field, maybe};

/// All of it.
pub(super) const RECEIPT: &[Field] = &[
    field(
        "picked",
        Type::Any,
        "why this contact: `fresh_in_order`, or an object with one key that says why and since when",
    ),
    field("rules", Type::Texts, "the rules that were asked, in order; all said yes"),
    maybe("hours_until", Type::Instant, "when the campaign's hours close"),
    field("trunk_in_use", Type::Int, "calls on the trunk before this one"),
    field("trunk_capacity", Type::Int, "its capacity"),
    field("end_point_in_use", Type::Int, "calls towards the end point before this one"),
    field("end_point_capacity", Type::Int, "its capacity"),
    field("probe", Type::Flag, "whether it probes a trunk whose circuit is open"),
    field("run_in_progress", Type::Int, "calls of the run in progress before this one"),
    field("run_in_memory", Type::Int, "contacts of the run in memory, this one not counted"),
    field("priority", Type::Int, "the campaign's priority: lower is served first"),
    field("caller_id", Type::Words(&["pbx", "campaign"]), "who chose the caller id"),
    field("contact", Type::Object(CONTACT_RECEIPT), "what the rules about the contact were asked with"),
    maybe("queue", Type::Object(QUEUE_RECEIPT), "what was known of the queue behind the end point"),
    maybe("number", Type::Object(NUMBER_RECEIPT), "which number it is, of a contact with several"),
];

/// Numbers of a contact that were passed over.
pub(super) const LEFT_OUT: &[Field] = &[
    field("no", Type::Int, "the number's place"),
    field("why", Type::Words(&["malformed", "duplicate", "suppressed", "black_listed", "denied", "no_hour"]), "why"),
];

const NUMBER_RECEIPT: &[Field] = &[
    field("no", Type::Int, "its place; 0: the contact's own"),
    field("of", Type::Int, "numbers that the contact has and that can be dialled"),
    field("left_out", Type::Objects(LEFT_OUT), "numbers that were passed over when the contact was read"),
];

const QUEUE_RECEIPT: &[Field] = &[
    field("free", Type::Int, "its free agents"),
    field("waiting", Type::Int, "its callers to whom no agent's telephone rings"),
    field("agents", Type::Int, "agents that calls of this end point may reckon with"),
    field("on_the_way", Type::Int, "calls towards the end point that have not come to the queue, before this one"),
    field("taken_permille", Type::Int, "what these take of the agents, in thousandths of one"),
    field("boost_permille", Type::Int, "calls on their way per agent, in thousandths: end point's times run's"),
    field("pace", Type::Object(PACE_RECEIPT), "what its campaign's engine went by; null: none paces it"),
];

const PACE_RECEIPT: &[Field] = &[
    field("policy", Type::Words(&["budget", "guaranteed"]), "what it promises of the cap; null: nothing"),
    field("free", Type::Int, "free agents of the campaign"),
    field("open", Type::Int, "calls of the campaign that had or might want an agent, before this one"),
    field("abandoned", Type::Int, "calls that were abandoned, as the engine counts"),
    field("persons", Type::Int, "people who had an agent, as the engine counts"),
    field("cap_ppm", Type::Int, "abandoned calls of live answers, at most, in millionths"),
];

const CONTACT_RECEIPT: &[Field] = &[
    field(
        "packs",
        Type::Objects(&[
            field("name", Type::Text, "its name; `campaign` for the campaign's own limits"),
            field("version", Type::Text, "its version"),
        ]),
        "the packs of rules that were asked",
    ),
    field("zones", Type::Int, "in how many zones the number may be; 0 where no pack looks at hours"),
    field(
        "clocks",
        Type::Objects(&[field("zone", Type::Text, "IANA zone"), field("showed", Type::Text, "local date and time")]),
        "what the callee's clock showed in them; of more than six, in the earliest and the latest",
    ),
    maybe("window_closes_at", Type::Instant, "when the window closes in the first of them"),
    field(
        "caps",
        Type::Objects(&[
            field("by", Type::Text, "counted per"),
            field("hours", Type::Int, "rolling hours"),
            field("used", Type::Int, "attempts before this one"),
            field("allowed", Type::Int, "attempts allowed"),
        ]),
        "every cap, with what was used of it",
    ),
    maybe(
        "last_attempt_at",
        Type::Instant,
        "the last attempt to the number before this one, as far as it is remembered",
    ),
    field("gap_minutes", Type::Int, "least minutes after it"),
    maybe("last_conversation_at", Type::Instant, "the last conversation with number or person"),
    field("cooldown_hours", Type::Int, "hours after it in which nobody calls"),
    maybe("last_abandoned_at", Type::Instant, "the last abandoned call, where a pack has a rest after it"),
    maybe(
        "last_machine_at",
        Type::Instant,
        "the last call at which a machine was detected, where a pack has a rest after it",
    ),
    field("consent_needed", Type::Flag, "whether consent was asked for"),
    maybe("consent_at", Type::Instant, "since when there is consent"),
];
