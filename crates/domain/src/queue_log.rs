//! Whether a campaign's calls are written to the queue_log of the PBX, as if callers had come to a queue.

use crate::attributes::check_name;
use crate::error::{Invalid, check_optional_text, check_range};
use serde::{Deserialize, Serialize};

/// Attributes that are logged with a call, at most.
pub const MAX_LOGGED_ATTRIBUTES: usize = 20;

/// WombatDialer's `QM_COMPATIBLE` logging.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueLog {
    /// Whether it is written.
    pub enabled: bool,
    /// The queue's name in it; empty: the name of the campaign.
    pub alias: String,
    /// Attributes that are logged with each call, by name.
    pub attributes: Vec<String>,
}

impl QueueLog {
    /// Refuses what would break a line, by field.
    pub fn check(&self) -> Result<(), Invalid> {
        check_optional_text("queue_log_alias", &self.alias, 80)?;
        if self.alias.contains('|') {
            return Err(Invalid::new("queue_log_alias", "holds a |, which divides the fields of the log"));
        }
        check_range("queue_log_attributes", self.attributes.len(), 0, MAX_LOGGED_ATTRIBUTES)?;
        let named =
            |name: &String| check_name(name).map_err(|wrong| Invalid::new("queue_log_attributes", wrong.problem));
        self.attributes.iter().try_for_each(named)
    }
}
