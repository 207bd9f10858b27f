//! What the shell asks of the PBXs: connections, originates, hang-ups, look-ups. Every answer comes back as an input.

use crate::configuration::{Configuration, Password};
use crate::inputs::Input;
use crate::link::{Line, Link, LookedUp, Placed};
use crate::live::PbxState;
use crate::pausing::Pausing;
use crate::placing;
use crate::shell::{PbxLink, Shell};
use dialer::Event;
use domain::{EndedBy, LegId, PbxId};
use futures_util::FutureExt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use tracing::{error, info};

impl Shell {
    /// Takes over PBXs, trunks and end points; a PBX whose login changed is connected anew.
    pub(crate) fn configure(&mut self, new: Configuration) {
        let old = std::mem::replace(&mut self.configuration, new);
        for (id, (pbx, _)) in &old.pbxs {
            let same_login = self.configuration.pbxs.get(id).is_some_and(|(now, secret)| {
                let how = |pbx: &domain::Pbx| {
                    let pace = (pbx.unit_ms, pbx.messages_per_unit);
                    (pbx.link, pbx.host.clone(), pbx.port, pbx.username.clone(), pbx.application.clone(), pace)
                };
                how(now) == how(pbx) && *secret == old.pbxs[id].1
            });
            // A link that another controller took over has ended: saving the PBX again asks for a new one.
            let ended = self.links.get(id).is_some_and(|link| link.line.has_ended());
            if (!same_login || ended)
                && let Some(link) = self.links.remove(id)
            {
                link.line.shutdown();
                self.step(Event::PbxDown(*id), None);
                self.end_observer(*id, "the link is made anew");
            }
        }
        let pbxs: Vec<_> = self.configuration.pbxs.values().cloned().collect();
        for (pbx, secret) in pbxs {
            self.step(Event::PbxConfigured(Configuration::pbx_spec(&pbx)), None);
            if !self.links.contains_key(&pbx.id) {
                self.connect(&pbx, secret);
            }
        }
        let trunks: Vec<_> = self.configuration.trunks.values().map(Configuration::trunk_spec).collect();
        for spec in trunks {
            self.step(Event::TrunkConfigured(spec), None);
        }
        let end_points: Vec<_> = self.configuration.end_points.values().map(Configuration::end_point_spec).collect();
        for spec in end_points {
            self.step(Event::EndPointConfigured(spec), None);
        }
        for id in
            old.trunks.keys().filter(|id| !self.configuration.trunks.contains_key(id)).copied().collect::<Vec<_>>()
        {
            self.step(Event::TrunkRemoved(id), None);
        }
        let gone = old.end_points.keys().filter(|id| !self.configuration.end_points.contains_key(id));
        for id in gone.copied().collect::<Vec<_>>() {
            self.step(Event::EndPointRemoved(id), None);
        }
        self.configure_observers();
        self.take_over_hours();
        self.tell_health();
    }

    /// Runs go by the sets of opening hours as they are now. A set that is missing cannot be: one that a run names is not
    /// deleted; what the run had stays.
    fn take_over_hours(&mut self) {
        let sets = &self.configuration.opening_hours;
        let changed = self.runs.iter_mut().filter_map(|(run, view)| {
            let hours = view.campaign.hours(sets).ok().filter(|hours| *hours != view.hours)?;
            view.hours.clone_from(&hours);
            Some((*run, hours))
        });
        for (run, hours) in changed.collect::<Vec<_>>() {
            info!(run.id = run.0, "other opening hours are in force");
            self.step(Event::HoursChanged { run, hours }, None);
        }
    }

    fn connect(&mut self, pbx: &domain::Pbx, password: Password) {
        let (line, source, heard) = match Line::connect(pbx, &password) {
            Ok(link) => link,
            Err(why) => {
                error!(pbx.id = pbx.id.0, %why, "pbx settings cannot work");
                return;
            }
        };
        self.links_made += 1;
        let number = self.links_made;
        let foreign = Arc::new(AtomicU64::new(0));
        let link = Link {
            foreign: Arc::clone(&foreign),
            pbx: pbx.id,
            number,
            line: line.clone(),
            source,
            shell: self.sender.clone(),
            prefix: self.channels.prefix().to_owned(),
        };
        tokio::spawn(link.run());
        if let Some((client, incoming)) = heard {
            self.observe(pbx.id, client, incoming, None);
        }
        let (why, since) = ("connecting".to_owned(), self.clock.now().wall);
        let link = PbxLink { number, line, state: PbxState::Down, since, why, version: None, foreign, is_noted: false };
        self.links.insert(pbx.id, link);
    }

    pub(crate) fn originate(&mut self, call: dialer::Originate) {
        let leg = call.leg;
        let view = self.runs.get(&call.run);
        let mut built = view
            .and_then(|view| placing::originate(&call, self.channels.name(leg), &view.campaign, &self.configuration));
        let line = match call.agent {
            Some(agent) => {
                let agent = self.channels.name(agent);
                built.iter_mut().for_each(|placement| placing::to_agent(placement, &agent));
                self.manager(call.pbx)
            }
            None => self.links.get(&call.pbx).map(|link| link.line.clone()),
        };
        self.place(leg, built, line, None);
        if self.originating.contains(&leg) {
            self.log_entered(&call);
        }
    }

    pub(crate) fn call_agent(&mut self, call: dialer::CallAgent) {
        let view = self.runs.get(&call.run);
        let built = view.and_then(|view| {
            placing::call_agent(&call, self.channels.name(call.leg), &view.campaign, &self.configuration)
        });
        metrics::counter!("carillon_agents_called_total").increment(1);
        let line = self.manager(call.pbx);
        let pausing = call.pause.and_then(|pause| self.pausing(*pause));
        self.place(call.leg, built, line, pausing);
    }

    /// The manager interface of a PBX, over which its queues are observed: agents who are called first are connected by an
    /// application of the dialplan, which the REST interface cannot name.
    pub(crate) fn manager(&self, pbx: PbxId) -> Option<Line> {
        match &self.links.get(&pbx)?.line {
            Line::Ari(_) => self.observers.get(&pbx)?.own_line(),
            line @ Line::Ami(_) => Some(line.clone()),
        }
    }

    fn place(&mut self, leg: LegId, built: Option<placing::Placement>, line: Option<Line>, pausing: Option<Pausing>) {
        let (Some(originate), Some(line)) = (built, line) else {
            let why = "its trunk, end point or PBX was deleted".to_owned();
            self.answer_later(Event::OriginateNotSent { leg, why });
            return;
        };
        self.originating.insert(leg);
        metrics::counter!("carillon_originates_total").increment(1);
        let sender = self.sender.clone();
        // Queued here and not in the task, so that calls leave in the order in which they were decided.
        // Not after the lease has run out: another process may dial by then, and this one would not know.
        let send_before = self.store.send_before().map(tokio::time::Instant::from_std);
        // Behind a pause it is queued when that is done.
        let answer = match pausing {
            None => line.originate(originate, send_before).left_future(),
            Some(pausing) => async move {
                match pausing.begin().await {
                    true => line.originate(originate, send_before).await,
                    false => Placed::NotSent("its agent could not be paused".to_owned()),
                }
            }
            .right_future(),
        };
        tokio::spawn(async move {
            let event = match answer.await {
                Placed::Done => Event::OriginateDone(leg),
                Placed::Refused { status, message } => Event::OriginateRefused { leg, status, message },
                Placed::Unknown(why) => Event::OriginateUnknown { leg, why },
                Placed::NotSent(why) => Event::OriginateNotSent { leg, why },
            };
            let _ = sender.send(Input::Answer(event)).await;
        });
    }

    pub(crate) fn hang_up(&mut self, leg: LegId, pbx: PbxId, why: EndedBy) {
        let Some(link) = self.links.get(&pbx) else { return };
        let (line, channel) = (link.line.clone(), self.channels.name(leg));
        // Whatever comes of it: the leg's end is an event, and the dialler looks the leg up when that does not come.
        tokio::spawn(async move { line.hang_up(&channel, why == EndedBy::AnswerTimeout).await });
    }

    pub(crate) fn look_up(&mut self, leg: LegId, pbx: PbxId) {
        let Some(link) = self.links.get(&pbx) else { return };
        let (line, channel, sender) = (link.line.clone(), self.channels.name(leg), self.sender.clone());
        let prefix = self.channels.prefix().to_owned();
        tokio::spawn(async move {
            let event = match line.look_up(&prefix, &channel).await {
                LookedUp::Found(found) => Event::LegFound(found),
                LookedUp::Missing => Event::LegMissing(leg),
                // The reconciliation after the reconnect decides it.
                LookedUp::NotAnswered => return,
            };
            let _ = sender.send(Input::Answer(event)).await;
        });
    }

    /// An answer of our own making goes through the inbox, so that the dialler is never entered twice.
    fn answer_later(&self, event: Event) {
        let sender = self.sender.clone();
        tokio::spawn(async move { sender.send(Input::Answer(event)).await });
    }

    pub(crate) fn originate_answered(&mut self, event: &Event) {
        let (Event::OriginateDone(leg)
        | Event::OriginateRefused { leg, .. }
        | Event::OriginateUnknown { leg, .. }
        | Event::OriginateNotSent { leg, .. }) = event
        else {
            return;
        };
        self.originating.remove(leg);
        self.answer_holds();
    }

    /// A hold is in force when no originate is on its way any more.
    pub(crate) fn answer_holds(&mut self) {
        if self.originating.is_empty() {
            for waiting in self.hold_waiting.drain(..) {
                let _ = waiting.send(());
            }
        }
    }
}
