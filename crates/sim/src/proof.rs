//! Which check proves which invariant of the house (I1 to I16), and which have no subject here yet.

/// Something that is looked at from outside: what the virtual PBXs saw and the virtual database holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Check {
    /// At every commit each contact of a run is in one state, and the counts add up.
    AccountsAddUp,
    /// When a run is over every contact of its lists is finished.
    NobodyForgotten,
    /// The dialler's figures are the database's.
    FiguresAgree,
    /// The database takes every write: no id is used twice, nothing is taken back to where it never was.
    WritesFit,
    /// At most one open attempt per number in the database.
    OneOpenAttemptPerNumber,
    /// At most one channel per number over all PBXs.
    OneCallPerNumber,
    /// No person has channels on two of their numbers.
    OneNumberPerPerson,
    /// A number that was called in vain is followed by the contact's next one that may be called, by place.
    NumbersTriedInTurn,
    /// One turn of a contact reaches a PBX once.
    TurnDialledOnce,
    /// No attempt is sent before it is due.
    GapKept,
    /// An unknown outcome waits the longest gap of the rules.
    LongestGapKept,
    /// No originate to a suppressed number.
    SuppressionKept,
    /// A number that was suppressed is not answered a while later: the call was hung up.
    OptOutStopsRinging,
    /// No originate outside the campaign's hours.
    HoursKept,
    /// No originate outside the hours on the callee's clock, in any zone where the number may be.
    CalleesHoursKept,
    /// No originate above a cap, within the gap or during the rest after a conversation, over all campaigns.
    CapsKept,
    /// No originate without the consent that is asked for.
    ConsentKept,
    /// No originate to a denied range.
    DeniedRangesKept,
    /// No originate above a cap per hour to a prefix, over all campaigns and restarts.
    HourlyCapKept,
    /// No originate without a receipt that names every rule.
    ReceiptKept,
    /// Nobody is refused but for a reason that does not end by itself.
    RefusedForAReason,
    /// No contact is tried more often than the rules allow.
    AttemptsCapped,
    /// Nothing is sent that is not open in the database.
    JournalledBeforeSent,
    /// A channel that a PBX made has one attempt that was not taken back.
    ChannelHasAttempt,
    /// Every attempt gets one end, and facts only while it is open.
    OneOutcome,
    /// The end of every call asks the outcome rules of its campaign, each once, also when a retry does not come.
    RulesAskedOnce,
    /// What is written about a call is what its PBX saw, or "unknown".
    OutcomeIsTrue,
    /// A process that another one took over from sends nothing.
    FencedOff,
    /// A person who answered is not hung up on by our timers for unanswered calls.
    ConversationKept,
    /// No trunk has more calls than its capacity.
    TrunkCapacityKept,
    /// No end point has more calls than its channels.
    EndPointCapacityKept,
    /// No trunk and no PBX starts more calls in a second than it may.
    RateKept,
    /// A hold that was acknowledged holds, over restarts.
    HoldKept,
    /// A pause or removal that was acknowledged holds, over restarts.
    PauseKept,
    /// No number is in anything that the dialler writes or says.
    NumbersStayOut,
    /// After the faults dialling resumes, within 5 s after a process start and 10 s after a PBX is back.
    DiallingResumes,
    /// After the faults every run comes to its end.
    RunsEnd,
    /// The dialler does not ask to be woken for nothing.
    NoIdleWakes,
    /// No agent who is called first has two channels at a time.
    AgentNotDoubleBooked,
    /// No agent is called for a reservation without its yes on disk, and what agents are told is what the database has.
    AgentDecides,
    /// No agent who is called first waits for somebody whose attempt is over long ago.
    AgentsLetGo,
    /// No agent who paused itself is let on.
    OwnPauseKept,
    /// After the faults nobody stays paused for a call that is over.
    NobodyLeftPaused,
    /// The rows of the abandonment ledger say what the PBXs saw of answers, agents and messages, and the dialler has their sums.
    LedgerIsTrue,
    /// The dialler's own checker found nothing to take out.
    OwnInvariants,
}

impl Check {
    /// Every check.
    pub const ALL: [Self; 45] = [
        Self::AccountsAddUp,
        Self::NobodyForgotten,
        Self::FiguresAgree,
        Self::WritesFit,
        Self::OneOpenAttemptPerNumber,
        Self::OneCallPerNumber,
        Self::OneNumberPerPerson,
        Self::NumbersTriedInTurn,
        Self::TurnDialledOnce,
        Self::GapKept,
        Self::LongestGapKept,
        Self::SuppressionKept,
        Self::OptOutStopsRinging,
        Self::HoursKept,
        Self::CalleesHoursKept,
        Self::CapsKept,
        Self::ConsentKept,
        Self::DeniedRangesKept,
        Self::HourlyCapKept,
        Self::ReceiptKept,
        Self::RefusedForAReason,
        Self::AttemptsCapped,
        Self::JournalledBeforeSent,
        Self::ChannelHasAttempt,
        Self::OneOutcome,
        Self::RulesAskedOnce,
        Self::OutcomeIsTrue,
        Self::FencedOff,
        Self::ConversationKept,
        Self::TrunkCapacityKept,
        Self::EndPointCapacityKept,
        Self::RateKept,
        Self::HoldKept,
        Self::PauseKept,
        Self::NumbersStayOut,
        Self::DiallingResumes,
        Self::RunsEnd,
        Self::NoIdleWakes,
        Self::AgentNotDoubleBooked,
        Self::AgentDecides,
        Self::AgentsLetGo,
        Self::OwnPauseKept,
        Self::NobodyLeftPaused,
        Self::LedgerIsTrue,
        Self::OwnInvariants,
    ];

    /// Its name in failures.
    pub fn name(self) -> String {
        let mut name = String::new();
        for letter in format!("{self:?}").chars() {
            if letter.is_uppercase() && !name.is_empty() {
                name.push('_');
            }
            name.extend(letter.to_lowercase());
        }
        name
    }
}

/// How an invariant is proved here.
#[derive(Debug, Clone, Copy)]
pub enum Proof {
    /// By these checks.
    By(&'static [Check]),
    /// By these checks as far as the dialler goes; the rest is said in words.
    Partly(&'static [Check], &'static str),
    /// Not here: there is nothing it could be about, and why.
    NoSubject(&'static str),
}

/// The invariants of the house.
pub const PROOFS: [(&str, &str, Proof); 16] = [
    (
        "I1",
        "no contact lost",
        Proof::By(&[
            Check::AccountsAddUp,
            Check::NobodyForgotten,
            Check::NumbersTriedInTurn,
            Check::RefusedForAReason,
            Check::FiguresAgree,
            Check::WritesFit,
        ]),
    ),
    (
        "I2",
        "single flight",
        Proof::By(&[
            Check::OneOpenAttemptPerNumber,
            Check::OneCallPerNumber,
            Check::OneNumberPerPerson,
            Check::TurnDialledOnce,
        ]),
    ),
    ("I3", "gap", Proof::By(&[Check::GapKept, Check::LongestGapKept])),
    ("I4", "suppression", Proof::By(&[Check::SuppressionKept, Check::OptOutStopsRinging])),
    ("I5", "window", Proof::By(&[Check::HoursKept, Check::CalleesHoursKept])),
    ("I6", "caps", Proof::By(&[Check::AttemptsCapped, Check::CapsKept, Check::ConsentKept])),
    (
        "I7",
        "one log",
        Proof::By(&[
            Check::JournalledBeforeSent,
            Check::ReceiptKept,
            Check::ChannelHasAttempt,
            Check::OneOutcome,
            Check::RulesAskedOnce,
            Check::OutcomeIsTrue,
            Check::FencedOff,
        ]),
    ),
    ("I8", "recording", Proof::NoSubject("nothing is recorded yet")),
    (
        "I9",
        "ledger",
        Proof::Partly(
            &[Check::LedgerIsTrue],
            "the rows of each call, and the sums that pacing goes by; tests of the store prove the chain",
        ),
    ),
    (
        "I10",
        "agent",
        Proof::Partly(
            &[
                Check::ConversationKept,
                Check::AgentNotDoubleBooked,
                Check::AgentDecides,
                Check::AgentsLetGo,
                Check::OwnPauseKept,
                Check::NobodyLeftPaused,
            ],
            "no conversation is cut; agents of our own are not there yet",
        ),
    ),
    (
        "I11",
        "toll",
        Proof::Partly(
            &[
                Check::DeniedRangesKept,
                Check::HourlyCapKept,
                Check::TrunkCapacityKept,
                Check::EndPointCapacityKept,
                Check::RateKept,
            ],
            "denied ranges, calls per hour, concurrency and calls per second; costs are not there yet",
        ),
    ),
    ("I12", "scope", Proof::NoSubject("the dialler knows no people; tests of the API prove it for every route")),
    (
        "I13",
        "stream",
        Proof::Partly(
            &[Check::OneOutcome],
            "facts in order while an attempt is open; the store's tests prove the rest",
        ),
    ),
    (
        "I14",
        "durable acknowledgement",
        Proof::Partly(
            &[Check::HoldKept, Check::PauseKept],
            "here the disk never lies; tests with kill -9 prove the disk",
        ),
    ),
    (
        "I15",
        "no secrets",
        Proof::Partly(&[Check::NumbersStayOut], "numbers; a test of the server's logs proves the rest"),
    ),
    ("I16", "liveness", Proof::By(&[Check::DiallingResumes, Check::RunsEnd, Check::NoIdleWakes, Check::OwnInvariants])),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_check_proves_an_invariant_and_every_invariant_has_its_line() {
        let of = |proof: &Proof| match proof {
            Proof::By(checks) | Proof::Partly(checks, _) => checks.to_vec(),
            Proof::NoSubject(_) => vec![],
        };
        let proving: Vec<Check> = PROOFS.iter().flat_map(|(_, _, proof)| of(proof)).collect();
        for check in Check::ALL {
            assert!(proving.contains(&check), "{} proves nothing", check.name());
        }
        for (n, (id, ..)) in PROOFS.iter().enumerate() {
            assert_eq!(*id, format!("I{}", n + 1));
        }
    }
}
