//! The rules that a contact is judged by before its number is dialled: what it is asked, what is known of it, and the
//! verdict. One function judges, [`judge`]; whoever dials, explains or counts calls it.
//!
//! Rules come in parts: one per pack that the campaign names and one for its own limits. Every part has to say yes.

pub mod calls;
pub mod census;
pub mod limits;
pub mod pack;
pub mod prefixes;
pub mod receipt;
pub mod ruling;
pub mod verdict;
pub mod window;
pub mod zones;

pub use calls::{Calls, NumberStanding, Standing};
pub use limits::Limits;
pub use pack::Pack;
pub use receipt::ContactReceipt;
pub use ruling::{Part, Rests, Rules};
pub use verdict::{Answer, ContactRule, Facts, Verdicts, judge};
pub use window::{CalleeHours, Windows};
pub use zones::Zones;
