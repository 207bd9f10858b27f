//! Who sees a thing, and whether it is offered: options that several nouns share.

use clap::Args;
use serde_json::Value;

/// The key of a thing.
#[derive(Debug, Args)]
pub(crate) struct Key {
    /// Only holders of this key see it; "" = everybody
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
}

/// The key of a thing, and whether it is offered.
#[derive(Debug, Args)]
pub(crate) struct Lock {
    #[command(flatten)]
    key: Key,
    /// Leave it out of choices, or offer it again
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    hidden: Option<bool>,
}

impl Key {
    /// The body with what was given.
    pub(crate) fn over(self, mut body: Value) -> Value {
        if let Some(key) = self.key {
            body["security_key"] = key.into();
        }
        body
    }
}

impl Lock {
    /// The body with what was given.
    pub(crate) fn over(self, body: Value) -> Value {
        let mut body = self.key.over(body);
        if let Some(hidden) = self.hidden {
            body["hidden"] = hidden.into();
        }
        body
    }
}
