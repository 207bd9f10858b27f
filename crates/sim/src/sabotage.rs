//! Wrong worlds: a check that cannot fail is a defect, so each is given something to find.

use crate::proof::Check;

/// Something that is done wrong on purpose, by the shell, the database or a PBX.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sabotage {
    /// The database drops the contact's row at the end of an attempt.
    LosesRows,
    /// The database forgets every third contact when the hopper asks.
    SkipsContacts,
    /// The database counts an answered call twice.
    CountsTwice,
    /// The database hands out the same ids again.
    SameIdsAgain,
    /// The database takes an attempt to a number that is in another one.
    WritesAnotherNumber,
    /// The PBX dials the number of another call.
    DialsAnotherNumber,
    /// The PBX dials another number of somebody who is in a call.
    DialsAnotherOfTheirs,
    /// The database tells of each contact the number only whose turn it is.
    TellsOneNumber,
    /// The shell sends an originate again whose channel has ended.
    SendsAgain,
    /// The database makes retries wait longer than it tells.
    TellsRetriesEarly,
    /// An unknown outcome is tried again after a second.
    ShortensUnknownGap,
    /// Suppressed numbers are not told to the dialler.
    KeepsSuppressionsBack,
    /// The shell hangs nobody up whose number was suppressed.
    LetsThemRing,
    /// The database says of every contact that it is where the campaign is.
    MovesEverybody,
    /// The database knows no earlier calls.
    ForgetsCalls,
    /// After a restart the dialler is not told what was called before.
    ForgetsTheHour,
    /// The dialler is told that a campaign has no rules.
    DropsRules,
    /// Receipts are written without the rules that were asked.
    StripsReceipts,
    /// Who is put off is written as refused.
    RefusesWhoIsPutOff,
    /// The dialler's clock is twelve hours off.
    WrongClock,
    /// Every outcome gets one more retry.
    RetriesWithoutEnd,
    /// The database says "written" and forgets the attempt.
    LyingDisk,
    /// The database forgets what outcome rules ask for.
    ForgetsActions,
    /// Outcome rules are not asked when a retry does not come.
    AsksNoRulesLate,
    /// The PBX makes a channel under another id.
    WrongChannelId,
    /// The end of an attempt is written twice.
    ClosesTwice,
    /// The link says "answered" when a telephone rings.
    AnswersAll,
    /// A process that was taken over from does not look at its lease.
    IgnoresLease,
    /// The shell hangs up on people who answered, as for an unanswered call.
    HangsUpOnPeople,
    /// The PBX calls the agent of another call.
    CallsAnotherAgent,
    /// A PBX does not hear the first two hang-ups of an agent, and after a restart the dialler is not told whom it called.
    ForgetsAgents,
    /// The shell takes every pause of an agent for one of ours.
    LetsAnybodyOn,
    /// The shell lets nobody on whom it paused.
    KeepsUnpausesBack,
    /// The database says "written" of an agent's yes and forgets it.
    ForgetsYes,
    /// The dialler is told twice a trunk's capacity.
    DoublesTrunks,
    /// The dialler is told twice an end point's channels.
    DoublesEndPoints,
    /// The dialler is told three times a trunk's rate.
    TriplesRates,
    /// A hold is acknowledged and not told to the dialler.
    KeepsHoldsBack,
    /// A pause is acknowledged and not told to the dialler.
    KeepsPausesBack,
    /// The number is written into a fact.
    WritesNumbers,
    /// Links are not made again after the faults.
    LeavesLinksDown,
    /// The end of every fiftieth attempt is never written.
    NeverCloses,
    /// The dialler's wake-ups are swallowed.
    SwallowsTicks,
    /// The database forgets the rows of abandoned calls.
    ForgetsAbandoned,
    /// An open attempt is restored although it was not open.
    RestoresTwice,
}

impl Sabotage {
    /// Every one, with the check that finds it.
    pub const ALL: [(Self, Check); 46] = [
        (Self::LosesRows, Check::AccountsAddUp),
        (Self::SkipsContacts, Check::NobodyForgotten),
        (Self::CountsTwice, Check::FiguresAgree),
        (Self::SameIdsAgain, Check::WritesFit),
        (Self::WritesAnotherNumber, Check::OneOpenAttemptPerNumber),
        (Self::DialsAnotherNumber, Check::OneCallPerNumber),
        (Self::DialsAnotherOfTheirs, Check::OneNumberPerPerson),
        (Self::TellsOneNumber, Check::NumbersTriedInTurn),
        (Self::SendsAgain, Check::TurnDialledOnce),
        (Self::TellsRetriesEarly, Check::GapKept),
        (Self::ShortensUnknownGap, Check::LongestGapKept),
        (Self::KeepsSuppressionsBack, Check::SuppressionKept),
        (Self::LetsThemRing, Check::OptOutStopsRinging),
        (Self::MovesEverybody, Check::CalleesHoursKept),
        (Self::ForgetsCalls, Check::CapsKept),
        (Self::ForgetsTheHour, Check::HourlyCapKept),
        (Self::DropsRules, Check::ConsentKept),
        (Self::DropsRules, Check::DeniedRangesKept),
        (Self::StripsReceipts, Check::ReceiptKept),
        (Self::RefusesWhoIsPutOff, Check::RefusedForAReason),
        (Self::WrongClock, Check::HoursKept),
        (Self::RetriesWithoutEnd, Check::AttemptsCapped),
        (Self::LyingDisk, Check::JournalledBeforeSent),
        (Self::ForgetsActions, Check::RulesAskedOnce),
        (Self::AsksNoRulesLate, Check::RulesAskedOnce),
        (Self::WrongChannelId, Check::ChannelHasAttempt),
        (Self::ClosesTwice, Check::OneOutcome),
        (Self::AnswersAll, Check::OutcomeIsTrue),
        (Self::IgnoresLease, Check::FencedOff),
        (Self::HangsUpOnPeople, Check::ConversationKept),
        (Self::ForgetsAbandoned, Check::LedgerIsTrue),
        (Self::CallsAnotherAgent, Check::AgentNotDoubleBooked),
        (Self::ForgetsYes, Check::AgentDecides),
        (Self::ForgetsAgents, Check::AgentsLetGo),
        (Self::LetsAnybodyOn, Check::OwnPauseKept),
        (Self::KeepsUnpausesBack, Check::NobodyLeftPaused),
        (Self::DoublesTrunks, Check::TrunkCapacityKept),
        (Self::DoublesEndPoints, Check::EndPointCapacityKept),
        (Self::TriplesRates, Check::RateKept),
        (Self::KeepsHoldsBack, Check::HoldKept),
        (Self::KeepsPausesBack, Check::PauseKept),
        (Self::WritesNumbers, Check::NumbersStayOut),
        (Self::LeavesLinksDown, Check::DiallingResumes),
        (Self::NeverCloses, Check::RunsEnd),
        (Self::SwallowsTicks, Check::NoIdleWakes),
        (Self::RestoresTwice, Check::OwnInvariants),
    ];
}
