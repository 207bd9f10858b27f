//! Who observes the queues of which PBX, and what the shell does with what they say.

use crate::configuration::Password;
use crate::link::{Line, Marks, NOT_WANTED, Observed, Observer, connect_manager};
use crate::shell::Shell;
use asterisk::Incoming;
use dialer::{Event, News};
use domain::{Manager, PbxId, PbxLink};
use tokio::sync::{mpsc, watch};
use tracing::{error, info, warn};

/// An observer as the shell knows it. Dropped, it ends.
pub(crate) struct PbxObserver {
    /// Which one: what an earlier one of the same PBX still says is not heard.
    number: u64,
    /// Told whether any end point observes a queue there.
    wanted: watch::Sender<bool>,
    /// Its own connection, beside a link over ARI, with what it was made of.
    own: Option<(ami::Client, Manager, Password)>,
}

impl PbxObserver {
    /// Its own connection, beside a link over ARI.
    pub(crate) fn own_line(&self) -> Option<Line> {
        self.own.as_ref().map(|(client, ..)| Line::Ami(client.clone()))
    }
}

impl Drop for PbxObserver {
    fn drop(&mut self) {
        if let Some((client, ..)) = &self.own {
            client.link().shutdown();
        }
    }
}

impl Shell {
    /// Observes the queues of a PBX with what is heard over this connection, in place of who did before.
    pub(crate) fn observe(
        &mut self,
        pbx: PbxId,
        client: ami::Client,
        incoming: mpsc::Receiver<Incoming>,
        own: Option<(Manager, Password)>,
    ) {
        self.links_made += 1;
        let (wanted, is_wanted) = watch::channel(self.configuration.wants_queues(pbx));
        let own = own.map(|(manager, password)| (client.clone(), manager, password));
        let observer = Observer {
            pbx,
            number: self.links_made,
            client,
            incoming,
            shell: self.sender.clone(),
            marks: Marks {
                channel_prefix: self.channels.prefix().to_owned(),
                pause_reason: self.channels.pause_reason().to_owned(),
            },
            wanted: is_wanted,
        };
        self.observers.insert(pbx, PbxObserver { number: self.links_made, wanted, own });
        tokio::spawn(observer.run());
    }

    /// Over ARI there is an observer while an end point observes a queue; over AMI always, and it is told whether to.
    pub(crate) fn configure_observers(&mut self) {
        let mut over_ari = Vec::new();
        for (pbx, _) in self.configuration.pbxs.values() {
            let wanted = self.configuration.wants_queues(pbx.id);
            let manager = pbx.manager.clone().zip(self.configuration.managers.get(&pbx.id).cloned());
            match pbx.link {
                PbxLink::Ami => {
                    if let Some(observer) = self.observers.get(&pbx.id) {
                        observer.wanted.send_if_modified(|was| std::mem::replace(was, wanted) != wanted);
                    }
                }
                PbxLink::Ari => over_ari.push((pbx.id, manager.filter(|_| wanted))),
            }
        }
        let gone: Vec<PbxId> =
            self.observers.keys().filter(|id| !self.configuration.pbxs.contains_key(id)).copied().collect();
        for pbx in gone {
            self.end_observer(pbx, "the PBX was deleted");
        }
        for (pbx, manager) in over_ari {
            let now = self.observers.get(&pbx).map(|observer| observer.own.as_ref());
            let same = match (&now, &manager) {
                (Some(Some((_, manager, password))), Some((new, secret))) => manager == new && password == secret,
                (None, None) => true,
                _ => false,
            };
            if same {
                continue;
            }
            self.end_observer(pbx, NOT_WANTED);
            let Some((manager, password)) = manager else { continue };
            match connect_manager(&manager, &password) {
                Ok((client, incoming)) => self.observe(pbx, client, incoming, Some((manager, password))),
                Err(why) => error!(pbx.id = pbx.0, %why, "the manager settings of the pbx cannot work"),
            }
        }
    }

    /// What it said is not known any more.
    pub(crate) fn end_observer(&mut self, pbx: PbxId, why: &str) {
        if self.observers.remove(&pbx).is_some() {
            self.step(Event::QueuesTold { pbx, news: News::Lost { why: why.to_owned() } }, None);
        }
    }

    pub(crate) fn queues_told(&mut self, pbx: PbxId, number: u64, what: Observed) {
        if self.observers.get(&pbx).is_none_or(|observer| observer.number != number) {
            return;
        }
        match what {
            Observed::Told(news) => {
                match &news {
                    News::Observed(queues) => info!(pbx.id = pbx.0, queues = queues.len(), "queues are observed"),
                    News::Lost { why } if why != NOT_WANTED => {
                        metrics::counter!("carillon_queues_lost_total").increment(1);
                        warn!(pbx.id = pbx.0, why, "queues are not observed: nothing is dialled for their agents");
                    }
                    News::MemberIs { queue, member } => self.agent_told(pbx, queue, &member.interface, true),
                    News::MemberGone { queue, interface } => self.agent_told(pbx, queue, interface, false),
                    _ => {}
                }
                self.step(Event::QueuesTold { pbx, news }, None);
            }
            Observed::Harbour(there) => {
                if self.dialer.has_harbour(pbx) != there {
                    info!(pbx.id = pbx.0, there, "the safe harbour of the dialplan for people who find no agent");
                    self.step(Event::HarbourSeen { pbx, there }, None);
                }
            }
            Observed::Audited(queues, suspected) => {
                self.step(Event::QueuesTold { pbx, news: News::Audited(queues) }, None);
                let _ = suspected.send(self.dialer.queues_healed(pbx).1);
            }
        }
    }

    pub(crate) fn queues_healed(&self, pbx: PbxId, count: u32) {
        metrics::counter!("carillon_queue_news_missed_total").increment(count.into());
        warn!(
            pbx.id = pbx.0,
            count, "news of queues were missed, and what they say was put right: does the manager user read `agent`?"
        );
    }
}
