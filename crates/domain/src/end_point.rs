//! Where answered calls go.

use crate::boost::Boost;
use crate::error::{Invalid, check_range, check_text};
use crate::ids::{EndPointId, PbxId};
use crate::rewrite::Rewrite;
use serde::{Deserialize, Serialize};

/// Default for [`ObservedQueue::max_waiting`], WombatDialer's.
pub const DEFAULT_MAX_WAITING: u32 = 2;

/// Default for [`ObservedQueue::reservation_minutes`], WombatDialer's.
pub const DEFAULT_RESERVATION_MINUTES: u32 = 10;

fn default_reservation_minutes() -> u32 {
    DEFAULT_RESERVATION_MINUTES
}

/// What an end point is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EndPointKind {
    /// A dialplan extension: a message, an IVR, one telephone.
    Phone,
    /// A dialplan extension behind which agents wait in a queue of Asterisk, which is observed.
    Queue,
}

/// A queue of Asterisk whose agents say how many calls are wanted. It is observed only: calls go to the end point's
/// extension, whose dialplan brings them to the queue, at once or after a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedQueue {
    /// As `queues.conf` calls it, 1..=79 characters.
    pub name: String,
    /// Calls on their way per free agent, multiplied by that of the run.
    pub boost: Boost,
    /// With more callers waiting beyond the free agents nothing is dialled, `0..=1000`.
    pub max_waiting: u32,
    /// Agents are called before the person is, one call per free agent, and the call does not go through the queue.
    #[serde(default)]
    pub reverse: bool,
    /// Agents are shown whom they would call and say when; only with `reverse`.
    #[serde(default)]
    pub preview: bool,
    /// Minutes that an agent has for that, `1..=60`.
    #[serde(default = "default_reservation_minutes")]
    pub reservation_minutes: u32,
    /// How a member's telephone is dialled, where it is called first.
    #[serde(default)]
    pub rewrite: Rewrite,
}

impl ObservedQueue {
    /// With the usual limits.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            boost: Boost::ONE,
            max_waiting: DEFAULT_MAX_WAITING,
            reverse: false,
            preview: false,
            reservation_minutes: DEFAULT_RESERVATION_MINUTES,
            rewrite: Rewrite::default(),
        }
    }
}

/// Where an answered call goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndPoint {
    /// 0 until it is saved.
    pub id: EndPointId,
    /// The PBX it belongs to: it serves only trunks of the same PBX.
    pub pbx: PbxId,
    /// Unique, 1..=60 characters.
    pub name: String,
    /// What it is.
    pub kind: EndPointKind,
    /// Dialplan context.
    pub context: String,
    /// Dialplan extension; the call enters at priority 1.
    pub extension: String,
    /// Calls at once over all campaigns, `1..=10000`.
    pub max_channels: u32,
    /// The queue that is observed, of a QUEUE.
    #[serde(default)]
    pub queue: Option<ObservedQueue>,
}

impl EndPoint {
    /// Refuses values out of range, by field.
    pub fn check(&self) -> Result<(), Invalid> {
        check_text("name", &self.name, 60)?;
        for (field, value) in [("context", &self.context), ("extension", &self.extension)] {
            check_text(field, value, 79)?;
            if !value.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.*#+".contains(&b)) {
                return Err(Invalid::new(field, format!("{value:?} holds a character that no dialplan name has")));
            }
        }
        check_range("max_channels", self.max_channels, 1, 10_000)?;
        match (self.kind, &self.queue) {
            (EndPointKind::Phone, None) => Ok(()),
            (EndPointKind::Phone, Some(_)) => {
                Err(Invalid::new("queue", "is for end points of kind QUEUE: a PHONE observes none"))
            }
            (EndPointKind::Queue, None) => {
                Err(Invalid::new("queue", "must name the Asterisk queue to observe, as queues.conf calls it"))
            }
            (EndPointKind::Queue, Some(queue)) => {
                check_text("queue", &queue.name, 79)?;
                if queue.name.trim() != queue.name {
                    return Err(Invalid::new("queue", "begins or ends with a blank"));
                }
                check_range("max_waiting", queue.max_waiting, 0, 1_000)?;
                check_range("reservation_minutes", queue.reservation_minutes, 1, 60)?;
                if queue.preview && !queue.reverse {
                    return Err(Invalid::new("preview", "needs reverse: whoever is shown a call is called first"));
                }
                queue.rewrite.check()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_is_named_and_a_phone_names_none() {
        let mut end_point = EndPoint {
            id: EndPointId(0),
            pbx: PbxId(1),
            name: "sales".into(),
            kind: EndPointKind::Queue,
            context: "from-carillon".into(),
            extension: "999".into(),
            max_channels: 10,
            queue: Some(ObservedQueue::named("999")),
        };
        end_point.check().unwrap();
        for bad in ["", " 999", "9\r\n99"] {
            end_point.queue = Some(ObservedQueue::named(bad));
            assert_eq!(end_point.check().unwrap_err().field, "queue", "{bad:?}");
        }
        end_point.queue = Some(ObservedQueue { max_waiting: 1_001, ..ObservedQueue::named("999") });
        assert_eq!(end_point.check().unwrap_err().field, "max_waiting");
        let preview = ObservedQueue { preview: true, ..ObservedQueue::named("999") };
        end_point.queue = Some(preview.clone());
        assert_eq!(end_point.check().unwrap_err().field, "preview");
        let preview = ObservedQueue { reverse: true, ..preview };
        end_point.queue = Some(preview.clone());
        end_point.check().unwrap();
        for reservation_minutes in [0, 61] {
            end_point.queue = Some(ObservedQueue { reservation_minutes, ..preview.clone() });
            assert_eq!(end_point.check().unwrap_err().field, "reservation_minutes");
        }
        end_point.queue = None;
        assert_eq!(end_point.check().unwrap_err().field, "queue");
        end_point.kind = EndPointKind::Phone;
        end_point.check().unwrap();
        end_point.queue = Some(ObservedQueue::named("999"));
        assert_eq!(end_point.check().unwrap_err().field, "queue");
    }
}
