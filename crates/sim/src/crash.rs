//! Crash points: the steps of the dial protocol at which a process or a PBX can die.

use crate::agenda::MS;
use crate::fault::Fault;
use crate::world::World;
use dialer::{Command, Event};
use domain::PbxId;

/// A step of the dial protocol. `Untold`: it has happened and the dialler has not heard of it. `Unwritten`: it was
/// decided and is not on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CrashPoint {
    /// Between the records of a new process's beginning.
    Restoring,
    /// A PBX's channels were asked for.
    ChannelsAsked,
    /// The PBX answered; its channels are being compared.
    ChannelsUntold,
    /// Contacts were read.
    ContactsUntold,
    /// Ids were handed out.
    IdsUntold,
    /// An attempt was decided.
    DecidedUnwritten,
    /// An attempt is on disk.
    CommittedUntold,
    /// An originate was decided on and not handed to the link.
    OriginateUnsent,
    /// An originate is on its way.
    OriginateSent,
    /// The PBX made the channel.
    ChannelUntold,
    /// The PBX's answer arrived.
    Replied,
    /// The PBX refused.
    Refused,
    /// An originate was not answered in time.
    Unknown,
    /// The telephone rings.
    RingingUntold,
    /// We know that it rings.
    Ringing,
    /// The person answered.
    AnswerUntold,
    /// We know it, it is not on disk.
    AnswerUnwritten,
    /// The dialplan set an extended status.
    StatusUntold,
    /// A hang-up was decided and not sent.
    HangUpUnsent,
    /// A hang-up is on its way.
    HangUpSent,
    /// The far end hung up.
    FarEndHungUp,
    /// A channel is being looked for.
    LookUpSent,
    /// The answer to that has arrived.
    LookedUp,
    /// The channel has ended.
    EndUntold,
    /// The attempt's end was decided.
    EndUnwritten,
    /// The attempt's end is on disk.
    EndWritten,
    /// An attempt is to be taken back.
    WithdrawalUnwritten,
    /// A run's new state was decided.
    RunUnwritten,
    /// A run's new state is on disk.
    RunWritten,
}

impl CrashPoint {
    /// Every point, in order of life.
    pub const ALL: [Self; 29] = [
        Self::Restoring,
        Self::ChannelsAsked,
        Self::ChannelsUntold,
        Self::ContactsUntold,
        Self::IdsUntold,
        Self::DecidedUnwritten,
        Self::CommittedUntold,
        Self::OriginateUnsent,
        Self::OriginateSent,
        Self::ChannelUntold,
        Self::Replied,
        Self::Refused,
        Self::Unknown,
        Self::RingingUntold,
        Self::Ringing,
        Self::AnswerUntold,
        Self::AnswerUnwritten,
        Self::StatusUntold,
        Self::HangUpUnsent,
        Self::HangUpSent,
        Self::FarEndHungUp,
        Self::LookUpSent,
        Self::LookedUp,
        Self::EndUntold,
        Self::EndUnwritten,
        Self::EndWritten,
        Self::WithdrawalUnwritten,
        Self::RunUnwritten,
        Self::RunWritten,
    ];

    /// Before the dialler hears of an event.
    pub(crate) fn before(event: &Event) -> Option<Self> {
        match event {
            Event::LegRinging(_) | Event::LegProgress(_) => Some(Self::RingingUntold),
            Event::LegAnswered(_) => Some(Self::AnswerUntold),
            Event::StatusSet { .. } => Some(Self::StatusUntold),
            Event::LegEnded { .. } => Some(Self::EndUntold),
            Event::PbxUp { .. } | Event::PbxAudited { .. } => Some(Self::ChannelsUntold),
            Event::ContactsLoaded(_) => Some(Self::ContactsUntold),
            Event::IdsGranted { .. } => Some(Self::IdsUntold),
            _ => None,
        }
    }

    /// After it has heard.
    pub(crate) fn after(event: &Event) -> Option<Self> {
        match event {
            Event::LegRinging(_) | Event::LegProgress(_) => Some(Self::Ringing),
            Event::LegAnswered(_) => Some(Self::AnswerUnwritten),
            Event::LegHangUpAsked(_) => Some(Self::FarEndHungUp),
            Event::OriginateDone(_) => Some(Self::Replied),
            Event::OriginateRefused { .. } => Some(Self::Refused),
            Event::OriginateUnknown { .. } => Some(Self::Unknown),
            Event::LegFound(_) | Event::LegMissing(_) => Some(Self::LookedUp),
            _ => None,
        }
    }

    /// While a write waits for its commit.
    pub(crate) fn unwritten(write: &Command) -> Option<Self> {
        match write {
            Command::Journal(_) | Command::Accept { .. } => Some(Self::DecidedUnwritten),
            Command::Close(_) => Some(Self::EndUnwritten),
            Command::Withdraw(_) => Some(Self::WithdrawalUnwritten),
            Command::RunChanged(_) => Some(Self::RunUnwritten),
            _ => None,
        }
    }

    /// After its commit.
    pub(crate) fn written(write: &Command) -> Option<Self> {
        match write {
            Command::Journal(_) | Command::Accept { .. } => Some(Self::CommittedUntold),
            Command::Close(_) => Some(Self::EndWritten),
            Command::RunChanged(_) => Some(Self::RunWritten),
            _ => None,
        }
    }
}

/// Who dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Victim {
    /// Our process.
    Process,
    /// The PBX that is concerned, or the first one.
    Pbx,
    /// Both at once.
    Both,
}

/// One death at a chosen moment, for worlds where nothing else goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crash {
    /// At which crash point, counted from 1 over all points that the world passes.
    pub nth: u64,
    /// Who dies.
    pub victim: Victim,
}

impl World {
    /// The world passes a crash point: maybe somebody dies.
    pub(crate) fn at(&mut self, point: CrashPoint, pbx: Option<PbxId>) {
        if self.calm || self.process.is_none() {
            return;
        }
        self.points += 1;
        self.summary.points[point as usize] += 1;
        let victim = if let Some(crash) = self.options.crash {
            (crash.nth == self.points).then_some(crash.victim)
        } else if self.strikes(Fault::ProcessKilledAtStep) {
            Some(Victim::Process)
        } else {
            self.strikes(Fault::PbxCrashesAtStep).then_some(Victim::Pbx)
        };
        let Some(victim) = victim else { return };
        self.log(|| format!("crash point {point:?}: {victim:?} dies"));
        self.summary.crashes[point as usize] += 1;
        if victim != Victim::Pbx {
            let again = self.faults.rng(Fault::ProcessKilledAtStep).within(50..=3_000) * MS;
            self.kill(again);
        }
        if victim != Victim::Process
            && let Some(pbx) = pbx.or_else(|| self.pbxs.keys().next().copied())
        {
            self.pbx_crashes(pbx, Fault::PbxCrashesAtStep);
        }
    }

    /// The same for a point that an event or a write may have.
    pub(crate) fn at_maybe(&mut self, point: Option<CrashPoint>, pbx: Option<PbxId>) {
        if let Some(point) = point {
            self.at(point, pbx);
        }
    }
}
