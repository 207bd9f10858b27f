//! What channels do on a virtual PBX, and how the shell hears of it.

use crate::agenda::{At, Happening, MS, Step};
use crate::carrier;
use crate::crash::CrashPoint;
use crate::fault::Fault;
use crate::pbx::{Channel, Link};
use crate::rng::Rng;
use crate::sabotage::Sabotage;
use crate::store::AttemptState;
use crate::world::World;
use dialer::{Event, Originate};
use domain::{AttemptId, EndedBy, LegId, PbxId};

/// Legs beyond this are nobody's.
const FOREIGN: i64 = 1_000_000_000;

impl World {
    pub(crate) fn make_channel(&mut self, id: PbxId, mut call: Originate) -> Option<Event> {
        let leg = call.leg;
        if self.strikes(Fault::PbxRefuses) {
            self.witness.refused(leg);
            return Some(Event::OriginateRefused { leg, status: 500, message: "Allocation failed".to_owned() });
        }
        if self.is(Sabotage::WrongChannelId) {
            call.leg.0 += FOREIGN;
        }
        if self.is(Sabotage::DialsAnotherNumber)
            && let Some(other) = self.witness.number_in_a_call(call.contact.key)
        {
            let mut contact = (*call.contact).clone();
            contact.key = other;
            call.contact = contact.into();
        }
        if self.is(Sabotage::DialsAnotherOfTheirs)
            && let Some(other) = self.witness.another_number_of_somebody()
        {
            let mut contact = (*call.contact).clone();
            contact.key = other;
            call.contact = contact.into();
        }
        self.check_channel(&call);
        self.liveness_heard(&call);
        self.summary.dialled += 1;
        let pbx = self.pbxs.get_mut(&id)?;
        self.agenda
            .add(self.now + u64::from(call.timeout_ms) * MS, Happening::Channel { pbx: id, leg, step: Step::TimeOut });
        // What becomes of a call hangs on its leg only, whatever else goes on in the world.
        let mut fate = Rng::stream(self.seed, 0xca11_0000_0000 + leg.0.unsigned_abs());
        for (after, step) in carrier::plan(&mut fate, pbx.temper, pbx.storm) {
            self.agenda.add(self.now + after, Happening::Channel { pbx: id, leg, step });
        }
        pbx.channels.insert(leg, Channel { call, ringing: false, up: false, said_until: 0 });
        self.witness.made(leg, self.now);
        self.say(id, Event::LegCreated(leg), leg);
        self.at(CrashPoint::ChannelUntold, Some(id));
        if self.strikes(Fault::ChannelExists) {
            return Some(Event::OriginateRefused { leg, status: 409, message: "Channel exists".to_owned() });
        }
        Some(Event::OriginateDone(leg))
    }

    pub(crate) fn hang_up(&mut self, id: PbxId, leg: LegId, why: EndedBy) -> Option<Event> {
        if self.pbxs.get(&id)?.agents.contains_key(&leg) {
            let deaf = self.is(Sabotage::ForgetsAgents);
            let heard = self.witness.hang_ups.entry(leg).or_default();
            *heard += 1;
            if deaf && *heard < 3 {
                return None;
            }
            self.end_agent(id, leg, 16, None);
            return None;
        }
        let Some(channel) = self.pbxs.get(&id)?.channels.get(&leg) else { return Some(Event::LegMissing(leg)) };
        let (cause, code) = if channel.up { (16, None) } else { (19, Some(480)) };
        self.log(|| format!("{id:?} hangs up {leg:?}, {why:?}"));
        self.end_channel(id, leg, cause, code);
        None
    }

    pub(crate) fn channel_step(&mut self, id: PbxId, leg: LegId, step: Step) {
        let Some(pbx) = self.pbxs.get_mut(&id) else { return };
        if pbx.stalled_until > self.now {
            return self.agenda.add(pbx.stalled_until, Happening::Channel { pbx: id, leg, step });
        }
        if pbx.agents.contains_key(&leg) {
            return self.agent_step(id, leg, step);
        }
        let Some(channel) = pbx.channels.get_mut(&leg) else { return };
        match step {
            Step::Progress => self.say(id, Event::LegProgress(leg), leg),
            Step::Ring => {
                channel.ringing = true;
                let event =
                    if self.is(Sabotage::AnswersAll) { Event::LegAnswered(leg) } else { Event::LegRinging(leg) };
                self.say(id, event, leg);
            }
            Step::Answer => {
                channel.up = true;
                let (key, end_point, agent) = (channel.call.contact.key, channel.call.end_point, channel.call.agent);
                self.check_opt_out(leg, key);
                self.summary.answered += 1;
                self.witness.answered(leg);
                self.say(id, Event::LegAnswered(leg), leg);
                match agent {
                    Some(agent) => self.connect(id, leg, agent),
                    None => self.answered_for(id, leg, end_point),
                }
            }
            Step::Status(status) => self.say(id, Event::StatusSet { leg, status: status.to_owned() }, leg),
            Step::FarEndHangsUp => self.say(id, Event::LegHangUpAsked(leg), leg),
            Step::End { cause, code } => self.end_channel(id, leg, cause, code),
            Step::TimeOut if channel.up => {}
            Step::TimeOut => self.end_channel(id, leg, 19, Some(480)),
        }
    }

    pub(crate) fn end_channel(&mut self, id: PbxId, leg: LegId, cause: u16, code: Option<u16>) {
        let Some(channel) = self.pbxs.get_mut(&id).and_then(|pbx| pbx.channels.remove(&leg)) else { return };
        self.channel_gone(&channel, code);
        let event = Event::LegEnded { leg, cause, tech_cause: code };
        self.say_after(id, event, channel.said_until);
        self.left_floor(id, leg);
        if let Some(agent) = self.agent_of(id, leg) {
            self.end_agent(id, agent, 16, None);
        }
    }

    pub(crate) fn channel_gone(&mut self, channel: &Channel, code: Option<u16>) {
        let made_at = self.witness.ended(&channel.call, code);
        self.summary.line_ms += (self.now - made_at) / MS;
    }

    /// An event of a channel goes out, now and then twice, late, or never.
    fn say(&mut self, id: PbxId, event: Event, leg: LegId) {
        let Some(at) = self.say_after(id, event, 0) else { return };
        if let Some(channel) = self.pbxs.get_mut(&id).and_then(|pbx| pbx.channels.get_mut(&leg)) {
            channel.said_until = channel.said_until.max(at);
        }
    }

    /// The same, read after `earliest`. What is said into a broken link is lost. When it is read at the latest.
    pub(crate) fn say_after(&mut self, id: PbxId, event: Event, earliest: At) -> Option<At> {
        let pbx = self.pbxs.get(&id)?;
        if pbx.link == Link::Down || pbx.from_lost || self.strikes(Fault::EventsLost) {
            return None;
        }
        let late =
            if self.strikes(Fault::EventsLate) { self.faults.rng(Fault::EventsLate).within(5..=3_000) * MS } else { 0 };
        let copies = if self.strikes(Fault::EventsTwice) { 2 } else { 1 };
        let mut last = earliest;
        for _ in 0..copies {
            // Overtaken by others, but never later than a list of channels is believed.
            let alone = if self.strikes(Fault::EventsReordered) {
                self.faults.rng(Fault::EventsReordered).within(1..=150) * MS
            } else {
                0
            };
            let pbx = self.pbxs.get_mut(&id)?;
            let at = (pbx.says_at(self.now, late, &mut self.rng) + alone).max(earliest + 1);
            let link = pbx.link_no;
            last = last.max(at);
            self.agenda.add(at, Happening::FromPbx { pbx: id, link, event: event.clone() });
        }
        if self.strikes(Fault::EventsForeign) {
            self.foreign_event(id, last);
        }
        Some(last)
    }

    /// An event of a channel that is none of ours, or of one of ours that ended long ago.
    pub(crate) fn foreign_event(&mut self, id: PbxId, at: At) {
        let rng = self.faults.rng(Fault::EventsForeign);
        let mut leg = LegId(FOREIGN + i64::from(rng.number(1..=50)));
        let (of_ours, kind) = (i64::from(rng.number(1..=100)), rng.within(0..=4));
        let over = self.store.attempts.get(&AttemptId(of_ours)).filter(|row| row.state != AttemptState::Open);
        leg = over.map_or(leg, |row| row.new.leg);
        let event = match kind {
            0 => Event::LegRinging(leg),
            1 => Event::LegAnswered(leg),
            2 => Event::LegCreated(leg),
            3 => Event::LegHangUpAsked(leg),
            _ => Event::LegEnded { leg, cause: 16, tech_cause: None },
        };
        let Some(link) = self.pbxs.get(&id).map(|pbx| pbx.link_no) else { return };
        self.agenda.add(at, Happening::FromPbx { pbx: id, link, event });
    }

    pub(crate) fn pbx_says(&mut self, id: PbxId, link: u32, event: Event) {
        if self.pbxs.get(&id).is_some_and(|pbx| pbx.link_no == link && !pbx.from_lost) {
            self.deliver(event, Some(id));
        }
    }
}
