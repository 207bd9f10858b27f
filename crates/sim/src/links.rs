//! Between shell and PBX: requests, answers, events, lost links; and what channels do.

use crate::agenda::{HOUR, Happening, MS, Request, SECOND, Step};
use crate::carrier;
use crate::pbx::{Channel, Link};
use crate::world::World;
use dialer::{Event, FoundLeg, Originate};
use domain::{LegId, Mono, PbxId};

/// A list of channels is believed this much later: events that belong to it come first.
const SETTLE: u64 = 200 * MS;
const AUDIT_EVERY: u64 = 30 * SECOND;

impl World {
    /// Sends a request over the link as it is; a broken one loses it or its answer.
    pub(crate) fn request(&mut self, id: PbxId, request: Request) {
        let (Some(process), Some(pbx)) = (&self.process, self.pbxs.get_mut(&id)) else { return };
        if pbx.link == Link::Down {
            return;
        }
        let mut at = pbx.hears_at(self.now, &mut self.rng);
        if matches!(request, Request::Originate(_)) {
            // Making a channel takes its time, and now and then a lot of it; other requests do not wait for it.
            at += if self.rng.percent(self.rough.slow_channels) {
                self.rng.within(300..=4_000) * MS
            } else {
                self.rng.within(0..=5) * MS
            };
        }
        self.agenda.add(at, Happening::Request { process: process.no, pbx: id, request });
    }

    pub(crate) fn heard(&mut self, process: u32, id: PbxId, request: Request) {
        let answer = match request {
            Request::Originate(call) => self.make_channel(id, *call),
            Request::HangUp { leg, why } => {
                let Some(pbx) = self.pbxs.get(&id) else { return };
                match pbx.channels.get(&leg) {
                    Some(channel) => {
                        let up = channel.up;
                        self.log(|| format!("{id:?} hangs up {leg:?}, {why:?}"));
                        let (cause, code) = if up { (16, None) } else { (19, Some(480)) };
                        self.end_channel(id, leg, cause, code);
                        None
                    }
                    None => Some(Event::LegMissing(leg)),
                }
            }
            Request::LookUp { leg } => {
                let Some(pbx) = self.pbxs.get(&id) else { return };
                let found = pbx.found().into_iter().find(|found| found.leg == leg);
                (!self.rng.percent(3)).then(|| found.map_or(Event::LegMissing(leg), Event::LegFound))
            }
            Request::List { link, asked_at } => {
                let Some(pbx) = self.pbxs.get_mut(&id) else { return };
                let legs = pbx.found();
                let at = pbx.says_at(self.now, &mut self.rng) + SETTLE;
                self.agenda.add(at, Happening::Listed { pbx: id, link, legs, asked_at });
                None
            }
        };
        let Some(event) = answer else { return };
        // An answer needs a link that stands.
        if self.pbxs.get(&id).is_some_and(|pbx| pbx.link != Link::Down && !pbx.deaf) {
            let at = self.now + self.rng.within(100..=4_000);
            self.agenda.add(at, Happening::Tell { process, event });
        }
    }

    fn make_channel(&mut self, id: PbxId, call: Originate) -> Option<Event> {
        let leg = call.leg;
        if self.rng.percent(1) {
            return Some(Event::OriginateRefused { leg, status: 500, message: "Allocation failed".to_owned() });
        }
        self.check_channel(&call);
        self.summary.dialled += 1;
        let pbx = self.pbxs.get_mut(&id)?;
        self.agenda
            .add(self.now + u64::from(call.timeout_ms) * MS, Happening::Channel { pbx: id, leg, step: Step::TimeOut });
        for (after, step) in carrier::plan(&mut self.rng, pbx.temper, pbx.storm) {
            self.agenda.add(self.now + after, Happening::Channel { pbx: id, leg, step });
        }
        pbx.channels.insert(leg, Channel { call, ringing: false, up: false });
        self.say(id, Event::LegCreated(leg));
        if self.rng.percent(1) {
            return Some(Event::OriginateRefused { leg, status: 409, message: "Channel exists".to_owned() });
        }
        Some(Event::OriginateDone(leg))
    }

    pub(crate) fn channel_step(&mut self, id: PbxId, leg: LegId, step: Step) {
        let Some(pbx) = self.pbxs.get_mut(&id) else { return };
        if pbx.stalled_until > self.now {
            return self.agenda.add(pbx.stalled_until, Happening::Channel { pbx: id, leg, step });
        }
        let Some(channel) = pbx.channels.get_mut(&leg) else { return };
        match step {
            Step::Progress => self.say(id, Event::LegProgress(leg)),
            Step::Ring => {
                channel.ringing = true;
                self.say(id, Event::LegRinging(leg));
            }
            Step::Answer => {
                channel.up = true;
                self.summary.answered += 1;
                self.say(id, Event::LegAnswered(leg));
            }
            Step::Status(status) => self.say(id, Event::StatusSet { leg, status: status.to_owned() }),
            Step::FarEndHangsUp => self.say(id, Event::LegHangUpAsked(leg)),
            Step::End { cause, code } => self.end_channel(id, leg, cause, code),
            Step::TimeOut if channel.up => {}
            Step::TimeOut => self.end_channel(id, leg, 19, Some(480)),
        }
    }

    fn end_channel(&mut self, id: PbxId, leg: LegId, cause: u16, code: Option<u16>) {
        let Some(channel) = self.pbxs.get_mut(&id).and_then(|pbx| pbx.channels.remove(&leg)) else { return };
        self.witness.channel_ended(&channel.call);
        self.say(id, Event::LegEnded { leg, cause, tech_cause: code });
    }

    /// An event goes out, now and then twice. What is said into a broken link is lost.
    fn say(&mut self, id: PbxId, event: Event) {
        let Some(pbx) = self.pbxs.get_mut(&id) else { return };
        if pbx.link == Link::Down || pbx.deaf {
            return;
        }
        let link = pbx.link_no;
        if self.rng.percent(2) {
            let at = pbx.says_at(self.now, &mut self.rng);
            self.agenda.add(at, Happening::FromPbx { pbx: id, link, event: event.clone() });
        }
        let at = pbx.says_at(self.now, &mut self.rng);
        self.agenda.add(at, Happening::FromPbx { pbx: id, link, event });
    }

    pub(crate) fn pbx_says(&mut self, id: PbxId, link: u32, event: Event) {
        if self.pbxs.get(&id).is_some_and(|pbx| pbx.link_no == link) {
            self.step(event);
        }
    }

    pub(crate) fn link_made(&mut self, id: PbxId) {
        let Some(pbx) = self.pbxs.get_mut(&id) else { return };
        if self.process.is_none() || pbx.link != Link::Down {
            return;
        }
        pbx.link = Link::Comparing;
        pbx.deaf = false;
        pbx.link_no += 1;
        let link = pbx.link_no;
        self.log(|| format!("link to {id:?} is made"));
        self.request(id, Request::List { link, asked_at: None });
    }

    /// The link breaks; the shell notices after `notice` microseconds, until then its requests go nowhere or arrive
    /// without an answer.
    pub(crate) fn link_breaks(&mut self, id: PbxId) {
        let Some(pbx) = self.pbxs.get_mut(&id) else { return };
        if pbx.link == Link::Down {
            return;
        }
        self.summary.links_lost += 1;
        pbx.deaf = true;
        pbx.link_no += 1;
        let link = pbx.link_no;
        let at = self.now + self.rng.within(0..=4_000) * MS;
        self.log(|| format!("link to {id:?} breaks"));
        self.agenda.add(at, Happening::LinkLost { pbx: id, link });
    }

    pub(crate) fn link_lost(&mut self, id: PbxId, link: u32) {
        let Some(pbx) = self.pbxs.get_mut(&id) else { return };
        if pbx.link_no != link {
            return;
        }
        let was_up = pbx.link == Link::Up;
        pbx.link = Link::Down;
        self.agenda.add(self.now + self.rng.within(100..=15_000) * MS, Happening::LinkMade { pbx: id });
        let Some(process) = &self.process else { return };
        let unanswered: Vec<LegId> =
            process.unanswered.iter().filter(|(_, on)| **on == id).map(|(leg, _)| *leg).collect();
        for leg in unanswered {
            let event = Event::OriginateUnknown { leg, why: "the link was lost".to_owned() };
            let at = self.now + self.rng.within(0..=1_000);
            self.agenda.add(at, Happening::Tell { process: process.no, event });
        }
        if was_up {
            self.step(Event::PbxDown(id));
        }
    }

    pub(crate) fn listed(&mut self, id: PbxId, link: u32, legs: Vec<FoundLeg>, asked_at: Option<Mono>) {
        let Some(pbx) = self.pbxs.get_mut(&id).filter(|pbx| pbx.link_no == link) else { return };
        match asked_at {
            Some(asked_at) => self.step(Event::PbxAudited { pbx: id, legs, asked_at }),
            None => {
                pbx.link = Link::Up;
                self.agenda.add(self.now + AUDIT_EVERY, Happening::Audit { pbx: id, link });
                self.step(Event::PbxUp { pbx: id, legs });
            }
        }
    }

    pub(crate) fn audit(&mut self, id: PbxId, link: u32) {
        if self.pbxs.get(&id).is_none_or(|pbx| pbx.link_no != link) {
            return;
        }
        // With nothing to compare the world need not be kept awake.
        let busy = self.process.as_ref().is_some_and(|process| process.dialer.open_calls() > 0);
        let next = if busy || !self.calm { AUDIT_EVERY } else { HOUR / 4 };
        self.agenda.add(self.now + next, Happening::Audit { pbx: id, link });
        if busy {
            let asked_at = Some(self.time().mono);
            self.request(id, Request::List { link, asked_at });
        }
    }
}
