//! The only crate that speaks SQL: configuration, contacts, runs, and the journal that every call is written to first.
//!
//! One SQLite file or one PostgreSQL database, one writer connection, one process. Everything that a call of [`Store`] acknowledged survives a
//! kill of the process and a loss of power. Every function takes a [`Scope`] and sees only its tenant's rows.

#[macro_use]
mod sql;

pub mod abandonment;
pub mod actions;
pub mod alerts;
pub mod attempts;
pub mod audit;
pub mod backup;
pub mod calls;
pub mod campaigns;
pub mod census;
pub mod contacts;
pub mod db;
mod disk;
pub mod end_points;
mod engine;
pub mod erasure;
pub mod error;
pub mod events;
pub mod forecasts;
pub mod history;
pub mod import;
pub mod inspect;
pub mod installation;
pub mod journal;
mod lease;
pub mod lists;
pub mod locks;
pub mod opening_hours;
mod outcome_rules;
pub mod pbxs;
mod queue;
pub mod reports;
pub mod restore;
pub mod retention;
pub mod runs;
mod schema;
pub mod scope;
mod secret;
pub mod standing;
pub mod suppression;
mod system_log;
pub mod timeline;
pub mod tokens;
pub mod toll;
pub mod trunks;
pub mod users;
pub mod webhooks;

#[cfg(test)]
mod testing;

pub use actions::carry_out::CarriedOut;
pub use actions::{
    Action, ActionCounts, ActionFilter, ActionState, AfterCall, RunFigures, RunLetter, RunNews, Task, Tried,
};
pub use alerts::{AlertRecord, OutcomeCount};
pub use attempts::pages::{AttemptsOf, LastAttempt};
pub use attempts::{AttemptFilter, AttemptRecord, Order};
pub use audit::{AuditFilter, AuditRecord};
pub use calls::AddedCall;
pub use census::{InForce, RunContact};
pub use contacts::change::ContactChange;
pub use contacts::{Added, NewContact};
pub use db::{Settings, Store};
pub use engine::postgres::Server;
pub use erasure::Traces;
pub use error::{Error, Result};
pub use events::{EventFilter, Feed, LogEvent};
pub use inspect::{FileState, Keeper};
pub use installation::{Epoch, Hold};
pub use journal::{FreshEntry, IdKind, Life, LoadContacts, RetryEntry, Write, Written};
pub use lease::{LEASE, TAKE_OVER_AFTER};
pub use lists::ListRecord;
pub use locks::{Lock, Locked};
pub use reports::Report;
pub use retention::{MAX_RETENTION_DAYS, Retention, Swept};
pub use runs::{RunFilter, RunList, RunListProgress, RunRecord, RunRestore, RunTotals};
pub use scope::{Actor, Campaigns, Kind, Scope, Seen};
pub use sql::now;
pub use suppression::lists::{GLOBAL, SuppressionKind, SuppressionListRecord};
pub use suppression::registry::Adopted;
pub use suppression::{Suppressed, SuppressionRecord};
pub use system_log::{Level, LogEntry, LogFilter, LogPage, Place};
pub use timeline::EventRecord;
pub use tokens::{TokenRecord, TokenScope};
pub use users::UserRecord;
pub use users::basic::{BasicLogin, BasicUser};
pub use users::classes::UserClass;
pub use users::keys::Keyring;
pub use users::sessions::{SessionLimits, SessionRecord, SignedIn};
pub use webhooks::{Webhook, WebhookFormat, WebhookRecord};
