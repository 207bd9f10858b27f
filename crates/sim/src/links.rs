//! Between shell and PBX: requests, answers, links that are made, lost and compared.

use crate::agenda::{HOUR, Happening, MS, Request, SECOND};
use crate::crash::CrashPoint;
use crate::fault::Fault;
use crate::pbx::Link;
use crate::sabotage::Sabotage;
use crate::world::World;
use dialer::{Event, FoundLeg};
use domain::{LegId, Mono, PbxId};

/// A list of channels is believed this much later: events that belong to it come first.
const SETTLE: u64 = 200 * MS;
const AUDIT_EVERY: u64 = 30 * SECOND;
/// How long the answer to a question for the channels may take, and when it is put again.
const LIST_DEADLINE: u64 = 5 * SECOND;
const LIST_AGAIN: u64 = 500 * MS;
/// A link is in doubt after this much silence, or when a request was not answered for so long; and how long it rests
/// before its channels are compared.
const DOUBT: u64 = 2 * SECOND;
const REST: u64 = 500 * MS;

impl World {
    /// Sends a request over the link as it is; a broken one loses it or its answer.
    pub(crate) fn request(&mut self, id: PbxId, request: Request) {
        let slow =
            matches!(request, Request::Originate(_) | Request::CallAgent(_)) && self.strikes(Fault::ChannelsSlow);
        let (Some(process), Some(pbx)) = (&self.process, self.pbxs.get_mut(&id)) else { return };
        if pbx.link == Link::Down || pbx.to_lost {
            return;
        }
        let mut at = pbx.hears_at(self.now, &mut self.rng);
        if matches!(request, Request::Originate(_) | Request::CallAgent(_)) {
            // Making a channel takes its time, and now and then a lot of it; other requests do not wait for it.
            at += if slow { self.rng.within(300..=4_000) * MS } else { self.rng.within(0..=5) * MS };
        }
        let (link, boot) = (pbx.link_no, pbx.boot);
        self.agenda.add(at, Happening::Request { process: process.no, pbx: id, link, boot, request });
    }

    /// A request arrives at the PBX, unless it died meanwhile. What was on its way when the link broke arrives or not.
    pub(crate) fn heard(&mut self, process: u32, id: PbxId, (link, boot): (u32, u32), request: Request) {
        let Some(pbx) = self.pbxs.get_mut(&id) else { return };
        if pbx.stalled_until > self.now {
            return self.agenda.add(pbx.stalled_until, Happening::Request { process, pbx: id, link, boot, request });
        }
        if pbx.boot != boot || (pbx.link_no != link && self.rng.percent(50)) {
            return;
        }
        let answer = match request {
            Request::Originate(call) => {
                let again = self.is(Sabotage::SendsAgain).then(|| call.clone());
                let answer = self.make_channel(id, *call);
                if let Some(call) = again {
                    let request = Request::Originate(call);
                    let later = Happening::Request { process, pbx: id, link, boot, request };
                    self.agenda.add(self.now + 600 * SECOND, later);
                }
                answer
            }
            Request::CallAgent(call) => self.make_agent_channel(id, &call),
            Request::Pause(pause) => return self.pause_arrives(&pause),
            Request::Unpause(pause) => return self.unpause_arrives(&pause),
            Request::HangUp { leg, why } => self.hang_up(id, leg, why),
            Request::Harbour { leg, looked } => self.harbour(id, process, leg, looked),
            Request::LookUp { leg } => {
                let Some(pbx) = self.pbxs.get(&id) else { return };
                let found = pbx.found().into_iter().find(|found| found.leg == leg);
                Some(found.map_or(Event::LegMissing(leg), Event::LegFound))
            }
            Request::List { asked, asked_at } => return self.list(id, link, asked, asked_at),
        };
        let Some(event) = answer else { return };
        if self.strikes(Fault::RepliesLost) {
            return self.link_will_be_doubted(id);
        }
        // An answer needs a link that stands.
        let Some(pbx) = self.pbxs.get_mut(&id) else { return };
        if pbx.link_no == link && !pbx.from_lost {
            let at = pbx.says_at(self.now, 0, &mut self.rng);
            self.agenda.add(at, Happening::Tell { process, event });
        }
    }

    fn list(&mut self, id: PbxId, link: u32, asked: u32, asked_at: Option<Mono>) {
        let lost = self.strikes(Fault::RepliesLost);
        let Some(pbx) = self.pbxs.get_mut(&id) else { return };
        let legs = pbx.found();
        let at = pbx.says_at(self.now, 0, &mut self.rng) + SETTLE;
        if !lost && !pbx.from_lost {
            self.agenda.add(at, Happening::Listed { pbx: id, link, asked, legs, asked_at });
        }
    }

    fn ask_for_channels(&mut self, id: PbxId, asked_at: Option<Mono>) {
        let Some(pbx) = self.pbxs.get_mut(&id) else { return };
        pbx.lists += 1;
        let (link, asked) = (pbx.link_no, pbx.lists);
        self.agenda.add(self.now + LIST_DEADLINE, Happening::ListDeadline { pbx: id, link, asked });
        self.request(id, Request::List { asked, asked_at });
    }

    /// The question was not answered: it is put again, for an audit with the next one.
    pub(crate) fn list_deadline(&mut self, id: PbxId, link: u32, asked: u32) {
        let waits = |pbx: &crate::pbx::Pbx| pbx.link_no == link && pbx.listed < asked && pbx.link == Link::Comparing;
        if self.pbxs.get(&id).is_some_and(waits) {
            self.agenda.add(self.now + LIST_AGAIN, Happening::ListAgain { pbx: id, link });
        }
    }

    pub(crate) fn list_again(&mut self, id: PbxId, link: u32) {
        if self.pbxs.get(&id).is_some_and(|pbx| pbx.link_no == link && pbx.link == Link::Comparing) {
            self.ask_for_channels(id, None);
        }
    }

    pub(crate) fn link_made(&mut self, id: PbxId) {
        if self.calm && self.is(Sabotage::LeavesLinksDown) {
            return;
        }
        let Some(pbx) = self.pbxs.get_mut(&id) else { return };
        if self.process.is_none() || pbx.link != Link::Down {
            return;
        }
        if pbx.reachable_at() > self.now {
            // Tried again and again, with pauses.
            let at = pbx.reachable_at() + self.rng.within(100..=5_000) * MS;
            return self.agenda.add(at, Happening::LinkMade { pbx: id });
        }
        pbx.link = Link::Comparing;
        (pbx.to_lost, pbx.from_lost, pbx.stale) = (false, false, false);
        pbx.link_no += 1;
        pbx.forget_queues();
        self.log(|| format!("link to {id:?} is made"));
        self.ask_for_channels(id, None);
        self.at(CrashPoint::ChannelsAsked, Some(id));
    }

    /// Nothing new on a link in doubt; when it answers its channels are compared.
    pub(crate) fn link_doubted(&mut self, id: PbxId, link: u32) {
        if self.process.is_none() {
            return;
        }
        let Some(pbx) = self.pbxs.get_mut(&id).filter(|pbx| pbx.link_no == link && pbx.link == Link::Up) else {
            return;
        };
        (pbx.link, pbx.stale) = (Link::Comparing, true);
        self.agenda.add(self.now + REST, Happening::ListAgain { pbx: id, link });
        self.step(Event::PbxStale(id));
        self.queues_are_lost(id);
    }

    /// The shell takes a link for doubtful that is silent, or on which a request is not answered, for so long.
    pub(crate) fn link_will_be_doubted(&mut self, id: PbxId) {
        if let Some(pbx) = self.pbxs.get(&id) {
            self.agenda.add(self.now + DOUBT, Happening::LinkDoubted { pbx: id, link: pbx.link_no });
        }
    }

    /// The shell will see in `notice` microseconds that the link does not work any more.
    pub(crate) fn link_breaks(&mut self, id: PbxId, notice: u64) {
        let Some(pbx) = self.pbxs.get(&id).filter(|pbx| pbx.link != Link::Down) else { return };
        let link = pbx.link_no;
        self.log(|| format!("link to {id:?} breaks"));
        self.agenda.add(self.now + notice, Happening::LinkLost { pbx: id, link });
    }

    pub(crate) fn link_lost(&mut self, id: PbxId, link: u32) {
        let Some(pbx) = self.pbxs.get_mut(&id).filter(|pbx| pbx.link_no == link && pbx.link != Link::Down) else {
            return;
        };
        let was_up = pbx.link == Link::Up || std::mem::take(&mut pbx.stale);
        pbx.link = Link::Down;
        // What the old link still has to say is not heard.
        pbx.link_no += 1;
        self.summary.links_lost += 1;
        let longest = if self.calm { 2_000 } else { 5_000 };
        let again = self.now + self.rng.within(200..=longest) * MS;
        self.agenda.add(again, Happening::LinkMade { pbx: id });
        let Some(process) = &self.process else { return };
        let unanswered: Vec<LegId> =
            process.unanswered.iter().filter(|(_, on)| **on == id).map(|(leg, _)| *leg).collect();
        let no = process.no;
        for leg in unanswered {
            let event = Event::OriginateUnknown { leg, why: "the link was lost".to_owned() };
            let at = self.now + self.rng.within(0..=1_000);
            self.agenda.add(at, Happening::Tell { process: no, event });
        }
        if was_up {
            self.step(Event::PbxDown(id));
        }
        self.queues_are_lost(id);
    }

    pub(crate) fn listed(&mut self, id: PbxId, (link, asked): (u32, u32), legs: Vec<FoundLeg>, asked_at: Option<Mono>) {
        let Some(pbx) = self.pbxs.get_mut(&id).filter(|pbx| pbx.link_no == link) else { return };
        if asked_at.is_none() {
            pbx.listed = pbx.listed.max(asked);
        }
        if self.process.is_none() {
            return;
        }
        match asked_at {
            Some(asked_at) => self.deliver(Event::PbxAudited { pbx: id, legs, asked_at }, Some(id)),
            None if pbx.link == Link::Up => {}
            None => {
                let audited = std::mem::take(&mut pbx.stale);
                (pbx.link, pbx.up_since) = (Link::Up, self.now);
                if !audited {
                    self.agenda.add(self.now + AUDIT_EVERY, Happening::Audit { pbx: id, link });
                }
                self.deliver(Event::PbxUp { pbx: id, legs }, Some(id));
                self.queues_are_read(id, !audited);
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
            self.ask_for_channels(id, asked_at);
        }
    }
}
