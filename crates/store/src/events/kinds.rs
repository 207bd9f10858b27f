//! Every kind of event, and what its `data` holds: the contract with whoever reads the log.
//!
//! Kinds and fields are added, never changed or taken away; a field that must change its meaning raises the kind's
//! version. `docs/events.json` is the same as a JSON schema. Tests of this crate compare every event that is written.

mod checking;
mod receipt;
mod schema;

pub use checking::check;
use receipt::{LEFT_OUT, RECEIPT};
pub use schema::schema_json;

/// A kind of event.
#[derive(Debug)]
pub struct Kind {
    /// Dotted, past tense.
    pub name: &'static str,
    /// What it is about.
    pub entity: &'static str,
    /// Version of `data`.
    pub version: i64,
    /// When it is written.
    pub about: &'static str,
    /// The fields of `data`; each is always there.
    pub fields: &'static [Field],
}

/// A field of an object.
#[derive(Debug)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub ty: Type,
    /// Whether it may be null.
    pub nullable: bool,
    /// What it says.
    pub about: &'static str,
}

/// What a field holds.
#[derive(Debug)]
pub enum Type {
    /// A whole number.
    Int,
    /// A text.
    Text,
    /// A text in RFC 3339, UTC.
    Instant,
    /// True or false.
    Flag,
    /// One of some texts, more of which may come.
    Words(&'static [&'static str]),
    /// Whole numbers.
    Ints,
    /// Texts.
    Texts,
    /// Objects of these fields.
    Objects(&'static [Field]),
    /// An object of these fields.
    Object(&'static [Field]),
    /// An object or a text whose shape is described in words only.
    Any,
}

const fn field(name: &'static str, ty: Type, about: &'static str) -> Field {
    Field { name, ty, nullable: false, about }
}

const fn maybe(name: &'static str, ty: Type, about: &'static str) -> Field {
    Field { name, ty, nullable: true, about }
}

const fn kind(name: &'static str, entity: &'static str, about: &'static str, fields: &'static [Field]) -> Kind {
    Kind { name, entity, version: 1, about, fields }
}

const LEG: Field = field("leg", Type::Int, "its leg");
const WHY: Field = field("why", Type::Text, "why, for people; digits that could be a number are masked");
const RUN_STATE: &[&str] = &["RUNNABLE", "RUNNING", "WRONG_TIME", "IDLE", "PAUSED", "COMPLETED", "REMOVED"];
const ENDED_BY: &[&str] = &[
    "answer_timeout",
    "progress_timeout",
    "forced_closure",
    "operator",
    "agent",
    "no_agent",
    "agent_skip",
    "pacing",
    "far_end",
    "pbx",
    "refused",
    "suppression",
    "unknown",
];
const ALERTS: &[&str] =
    &["pbx_lost", "dialling_held", "storage", "circuit_open", "outcome_mix", "webhook_backlog", "harbour_missed"];
const VERBS: &[&str] = &["HTTP_GET", "HTTP_POST", "ADD_LIST", "ADD_BLACKLIST", "EMAIL", "RESCHEDULE"];
const AT_QUEUE: &[Field] = &[
    field("queue", Type::Text, "the queue's name"),
    field("agent", Type::Text, "the member's telephone; digits that could be a number are masked"),
];
const RUN_CHANGE: &[Field] = &[field("state", Type::Words(RUN_STATE), "its new state"), WHY];

/// What is counted with an event in the books of abandoned calls.
const COUNTED: Field = maybe(
    "counted",
    Type::Object(&[
        field("count", Type::Words(&["live", "connected", "abandoned", "machine", "person"]), "as what"),
        field("why", Type::Words(COUNTED_WHY), "why"),
        field("waited_ms", Type::Int, "milliseconds from the answer"),
    ]),
    "the row of the abandonment ledger that was written with it; null: none",
);
const COUNTED_WHY: &[&str] = &[
    "answered",
    "agent_first",
    "in_time",
    "too_late",
    "hung_up",
    "unseen",
    "safe_harbour",
    "taken_from_agent",
    "status",
];

/// Every kind, by entity and in the order in which they usually come.
pub const KINDS: &[Kind] = &[
    kind(
        "attempt.scheduled",
        "attempt",
        "A number is going to be dialled: written before anything is sent.",
        &[
            field("run", Type::Int, "its run"),
            field("campaign", Type::Int, "its campaign"),
            field("contact", Type::Int, "whom it calls"),
            field("list", Type::Int, "the contact's list"),
            field("number_ref", Type::Int, "stands for the number; random, up to 2^63"),
            field("retry", Type::Int, "0 in the first round over this contact's numbers in this run"),
            field("number_no", Type::Int, "which of the contact's numbers: 0 its own, n that of MULTINUMn"),
            field("trunk", Type::Int, "through which trunk"),
            field("end_point", Type::Int, "where it goes when it is answered"),
            field("pbx", Type::Int, "on which PBX"),
            field("call", Type::Int, "its call"),
            LEG,
            field("channel", Type::Text, "the id of the channel on the PBX"),
            maybe(
                "agent",
                Type::Text,
                "the agent who is called before the person, by its telephone; digits that could be a number are masked",
            ),
            maybe("agent_leg", Type::Int, "the leg to that agent"),
            maybe("reserved", Type::Flag, "the agent looks at it first, and says whether it is dialled"),
            field("receipt", Type::Object(RECEIPT), "the inputs on which the gate said yes"),
        ],
    ),
    kind("attempt.accepted", "attempt", "The agent to whom it was reserved wants it dialled.", &[]),
    kind(
        "agent.requested",
        "attempt",
        "The PBX was asked to call the agent, before anything is sent to the person.",
        &[LEG],
    ),
    kind("agent.called", "attempt", "The PBX made the channel to the agent.", &[LEG]),
    kind(
        "agent.answered",
        "attempt",
        "The agent is there: the gate is asked once more, and the person is called.",
        &[LEG],
    ),
    kind(
        "agent.ended",
        "attempt",
        "The channel to the agent is gone.",
        &[
            LEG,
            field("cause", Type::Int, "Q.850 cause, 0 unknown"),
            maybe("tech_cause", Type::Int, "SIP code of the final response"),
        ],
    ),
    kind("leg.requested", "attempt", "The originate was handed to the PBX link.", &[LEG]),
    kind("leg.created", "attempt", "The PBX made the channel.", &[LEG]),
    kind("leg.progress_seen", "attempt", "Early media.", &[LEG]),
    kind("leg.ringing_seen", "attempt", "It rings.", &[LEG]),
    kind("leg.answered", "attempt", "The far end went off-hook.", &[LEG, COUNTED]),
    kind(
        "queue.entered",
        "attempt",
        "The call waits in a queue.",
        &[LEG, field("queue", Type::Text, "as the PBX calls it; digits that could be a number are masked")],
    ),
    kind(
        "queue.given_up",
        "attempt",
        "The call left its queue without an agent.",
        &[LEG, field("queue", Type::Text, "as the PBX calls it; digits that could be a number are masked")],
    ),
    kind(
        "agent.connected",
        "attempt",
        "An agent took the call.",
        &[
            LEG,
            field("agent", Type::Text, "by its telephone; digits that could be a number are masked"),
            maybe("waited_ms", Type::Int, "milliseconds from the answer; null: nobody saw that"),
            COUNTED,
        ],
    ),
    kind(
        "call.harbour_requested",
        "attempt",
        "No agent took the call: its PBX was asked to bring the person to the recorded message.",
        &[LEG],
    ),
    kind("call.harbour_reached", "attempt", "The PBX brought the person to the recorded message.", &[LEG]),
    kind(
        "call.harbour_missed",
        "attempt",
        "The person was not brought to the recorded message, or nobody knows; it is not tried again.",
        &[LEG, WHY, COUNTED],
    ),
    kind("call.abandoned", "attempt", "No agent was there in time.", &[LEG, COUNTED]),
    kind(
        "leg.refused",
        "attempt",
        "The PBX refused the request.",
        &[
            LEG,
            field("status", Type::Int, "the status of its answer"),
            field("message", Type::Text, "its words; digits that could be a number are masked"),
        ],
    ),
    kind(
        "leg.became_uncertain",
        "attempt",
        "Nobody knows whether the request arrived; it is not repeated.",
        &[LEG, WHY],
    ),
    kind("leg.adopted", "attempt", "Found on the PBX after a restart or a lost link.", &[LEG]),
    kind(
        "leg.hang_up_requested",
        "attempt",
        "Somebody asked to end it.",
        &[LEG, field("by", Type::Words(ENDED_BY), "who")],
    ),
    kind(
        "attempt.status_set",
        "attempt",
        "An extended status came from the dialplan or the API.",
        &[LEG, field("status", Type::Text, "the status"), COUNTED],
    ),
    kind(
        "attempt.attribute_set",
        "attempt",
        "An output attribute came from the dialplan or the API.",
        &[field("name", Type::Text, "its name; the value is with the attempt")],
    ),
    kind("attempt.attributes_cleared", "attempt", "The output attributes were taken away.", &[]),
    kind(
        "leg.ended",
        "attempt",
        "The channel is gone.",
        &[
            LEG,
            field("cause", Type::Int, "Q.850 cause, 0 unknown"),
            maybe("tech_cause", Type::Int, "SIP code of the final response"),
            field("ended_by", Type::Words(ENDED_BY), "who ended it"),
            field(
                "segments",
                Type::Objects(&[
                    field("kind", Type::Words(&["setup", "ringing", "talk"]), "what it was"),
                    field("from", Type::Instant, "from"),
                    field("to", Type::Instant, "to"),
                ]),
                "what its time was made of",
            ),
        ],
    ),
    kind(
        "attempt.ended",
        "attempt",
        "The outcome, and what follows from it.",
        &[
            field("state", Type::Text, "TERMINATED or RS_..."),
            field("fault", Type::Words(&["none", "callee", "number", "carrier", "ours", "unclear"]), "whose fault"),
            field("ext_state", Type::Text, "extended status, empty when there is none"),
            maybe(
                "retry",
                Type::Object(&[
                    field("rule", Type::Int, "the rule that asked for it"),
                    field("delay_s", Type::Int, "seconds from the end of the call"),
                    field("at", Type::Instant, "not before"),
                ]),
                "the next round over this contact's numbers; null: it is finished in this run, unless a number follows",
            ),
            maybe("next_number", Type::Int, "the number of the contact that is called next, at once"),
            field("left_out", Type::Objects(LEFT_OUT), "numbers behind this one that are passed over"),
            field("outcome_rules", Type::Ints, "the outcome rules that answer to it; each asks for an action"),
        ],
    ),
    kind(
        "attempt.action_done",
        "attempt",
        "What an outcome rule asked for was done.",
        &[
            field("action", Type::Int, "the action"),
            field("rule", Type::Int, "the rule"),
            field("verb", Type::Words(VERBS), "what it was"),
            maybe("list", Type::Int, "the list that the number was added to"),
            maybe("campaign", Type::Int, "the campaign that the number was added to"),
            maybe("contact", Type::Int, "the contact that was made there; null: the list had the number"),
            field("tries", Type::Int, "at which try, from 1"),
            field("said", Type::Text, "what came of it, for people: e.g. the status that a program answered"),
        ],
    ),
    kind(
        "attempt.action_failed",
        "attempt",
        "What an outcome rule asked for was not done, and is not tried again until somebody asks for it.",
        &[
            field("action", Type::Int, "the action"),
            field("rule", Type::Int, "the rule"),
            field("verb", Type::Words(VERBS), "what it was"),
            field("tries", Type::Int, "after so many tries"),
            WHY,
        ],
    ),
    kind(
        "attempt.withdrawn",
        "attempt",
        "It was provably never sent and is taken back: nobody's attempt.",
        &[
            WHY,
            field("retry", Type::Int, "the counter it had"),
            maybe("due_at", Type::Instant, "when the contact is due; null: it is fresh again"),
        ],
    ),
    kind(
        "campaign.unrestricted_named",
        "campaign",
        "Somebody freed a campaign of the rules about contacts.",
        &[field("packs", Type::Texts, "the packs that it names now")],
    ),
    kind(
        "run.started",
        "run",
        "A campaign was started.",
        &[field("campaign", Type::Int, "the campaign"), field("lists", Type::Ints, "its lists in order")],
    ),
    kind(
        "run.reloaded",
        "run",
        "The run took over its changed campaign.",
        &[field("lists", Type::Ints, "its lists in order")],
    ),
    kind(
        "run.boosted",
        "run",
        "Somebody changed how much the run over-dials.",
        &[
            field("from_permille", Type::Int, "calls on their way per free agent until now, in thousandths"),
            field("to_permille", Type::Int, "the same from now on"),
        ],
    ),
    kind(
        "run.list_paused",
        "run",
        "Somebody paused a list of the run: its fresh contacts are not dialled.",
        &[field("list", Type::Int, "the list")],
    ),
    kind("run.list_resumed", "run", "A paused list of the run goes on.", &[field("list", Type::Int, "the list")]),
    kind(
        "run.letter_sent",
        "run",
        "The mail server took a letter about the run.",
        &[
            field("action", Type::Int, "the letter, as an action"),
            field("state", Type::Words(RUN_STATE), "the last state that it tells of"),
            field("tries", Type::Int, "tries"),
            field("said", Type::Text, "what was answered"),
        ],
    ),
    kind(
        "run.letter_failed",
        "run",
        "A letter about the run was not sent; it is tried again when somebody asks for it.",
        &[
            field("action", Type::Int, "the letter, as an action"),
            field("state", Type::Words(RUN_STATE), "the last state that it tells of"),
            field("tries", Type::Int, "tries"),
            WHY,
        ],
    ),
    kind("run.state_changed", "run", "The run is in another state.", RUN_CHANGE),
    kind("run.completed", "run", "The run is out of work and over.", RUN_CHANGE),
    kind("run.removed", "run", "A person ended the run.", RUN_CHANGE),
    kind(
        "number.forgotten",
        "suppression",
        "A person was erased; the entry keeps the number from being called again.",
        &[
            field("contacts", Type::Int, "contacts that were erased"),
            field("lists", Type::Int, "lists that they are in"),
        ],
    ),
    kind(
        "alert.raised",
        "alert",
        "Something is wrong for long enough that a person should know.",
        &[
            field("kind", Type::Words(ALERTS), "what"),
            field("subject", Type::Int, "the id of the PBX, trunk, campaign or webhook; 0: the installation"),
            field("name", Type::Text, "the name it has; empty for the installation"),
            WHY,
        ],
    ),
    kind(
        "alert.ended",
        "alert",
        "It is right again.",
        &[
            field("kind", Type::Words(ALERTS), "what was wrong"),
            field("subject", Type::Int, "the id of the PBX, trunk, campaign or webhook; 0: the installation"),
            field("name", Type::Text, "the name it had; empty for the installation"),
            field("lasted_ms", Type::Int, "how long it was wrong, milliseconds"),
        ],
    ),
    kind(
        "suppression_list.changed",
        "suppression_list",
        "Somebody made a list of numbers that must not be called, or said anew for whom it holds.",
        &[
            field("everywhere", Type::Flag, "it holds for every campaign"),
            field("campaigns", Type::Ints, "otherwise for these"),
        ],
    ),
    kind(
        "suppression_list.adopted",
        "suppression_list",
        "Another version of a registry is in force.",
        &[field("version", Type::Int, "its number"), field("entries", Type::Int, "numbers in it")],
    ),
    kind(
        "engine.lost",
        "engine",
        "The process before the one that starts now ended without having been stopped.",
        &[maybe("seen_at", Type::Instant, "the last event that it wrote; null: none is kept")],
    ),
    kind(
        "engine.started",
        "engine",
        "Carillon started.",
        &[field("epoch", Type::Int, "1, 2, 3, ... per start"), field("version", Type::Text, "Carillon's version")],
    ),
    kind("engine.stopped", "engine", "Carillon was stopped, and everything that was decided is written.", &[]),
    kind(
        "pbx.connected",
        "pbx",
        "The PBX is connected and was compared with what is known: it can be dialled on.",
        &[field("version", Type::Text, "Asterisk's version")],
    ),
    kind("pbx.lost", "pbx", "The PBX is not connected any more, or does not answer.", &[WHY]),
    kind("agent.logged_on", "pbx", "A member came to a queue that an end point observes.", AT_QUEUE),
    kind("agent.logged_off", "pbx", "A member left a queue that an end point observes.", AT_QUEUE),
    kind("dialling.held", "dialling", "Nothing is dialled until it is lifted.", &[WHY]),
    kind("dialling.lifted", "dialling", "Dialling goes on.", &[]),
    kind(
        "restore.done",
        "dialling",
        "A backup took the place of the database; dialling is held until it is settled.",
        &[
            field("taken_at", Type::Instant, "when the backup was made"),
            field("lift_at", Type::Instant, "when the hold ends by itself"),
        ],
    ),
    kind(
        "restore.settled",
        "dialling",
        "It is known, or accepted, who was called since the backup.",
        &[field("how", Type::Words(&["accepted", "elapsed", "records", "superseded"]), "how")],
    ),
];

/// What events are about.
pub fn entities() -> Vec<&'static str> {
    let mut entities: Vec<&str> = KINDS.iter().map(|kind| kind.entity).collect();
    entities.sort_unstable();
    entities.dedup();
    entities
}

#[cfg(test)]
mod tests;
