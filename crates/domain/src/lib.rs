//! The words of the trade as types: ids, numbers, hours, outcomes, rules and configuration records.
//!
//! Pure: no clock, no I/O, no async. Everything that enters the product is parsed here once and trusted inside.

pub mod abandonment;
pub mod attributes;
pub mod boost;
pub mod campaign;
pub mod contact;
pub mod end_point;
pub mod error;
pub mod hours;
pub mod ids;
pub mod journal;
pub mod masked;
pub mod number;
pub mod number_range;
pub mod numbers;
pub mod opening;
pub mod outcome;
pub mod outcome_rule;
pub mod pacing;
pub mod pbx;
pub mod queue_log;
pub mod record_mark;
pub mod reschedule;
pub mod rewrite;
pub mod rules;
pub mod run;
pub mod run_mail;
pub mod spreadsheet;
pub mod template;
pub mod time;

pub use attributes::Attributes;
pub use boost::Boost;
pub use campaign::{Campaign, CampaignStatus, Direction, WorkSource};
pub use contact::Contact;
pub use end_point::{EndPoint, EndPointKind, ObservedQueue};
pub use error::Invalid;
pub use hours::{ClosedBy, HourState, Hours};
pub use ids::*;
pub use masked::Masked;
pub use number::{Dialable, NumberKey};
pub use numbers::{Alternates, LeftOut, Numbered, Numbers, OtherNumber, WhyLeftOut};
pub use opening::{OpeningHours, OpeningMode, OpeningRule};
pub use outcome::{CallState, EndFacts, EndedBy, Outcome};
pub use outcome_rule::{OutcomeRule, VarMode, Verb};
pub use pacing::{Pacing, PacingMode, PacingPolicy};
pub use pbx::{Manager, Pbx, PbxLink, Trunk};
pub use queue_log::QueueLog;
pub use record_mark::RecordMark;
pub use reschedule::{Mode, RescheduleRule};
pub use rewrite::Rewrite;
pub use run::{RunState, SegmentKind};
pub use run_mail::{RunMail, RunMailEvents};
pub use template::Template;
pub use time::{Mono, Now, Timestamp};
