//! What is known of a contact's number and person, kept small: of most nothing is.

use domain::rules::{Calls, Standing};
use std::ops::Deref;

/// A standing that takes room only when it says something.
#[derive(Debug, Clone, Default)]
pub struct Known(Option<Box<Standing>>);

static NOTHING: Standing =
    Standing { suppressed_by: None, black_listed_by: None, number: Calls::NONE, person: Calls::NONE };

impl From<Standing> for Known {
    fn from(standing: Standing) -> Self {
        Self((standing != NOTHING).then(|| Box::new(standing)))
    }
}

impl Deref for Known {
    type Target = Standing;
    fn deref(&self) -> &Standing {
        self.0.as_deref().unwrap_or(&NOTHING)
    }
}
